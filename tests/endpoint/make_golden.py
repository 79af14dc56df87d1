# SPDX-License-Identifier: Apache-2.0
# The golden values of test_route.c and test_ticket.c, computed by other means: SipHash-2-4, splitmix64 and base64 of Python,
# logarithms of its math library.
import math,struct,base64
M=(1<<64)-1
rot=lambda x,b:((x<<b)|(x>>(64-b)))&M
def sip(key,data):
    k0,k1=struct.unpack('<QQ',key); v=[k0^0x736f6d6570736575,k1^0x646f72616e646f6d,k0^0x6c7967656e657261,k1^0x7465646279746573]
    def rnd():
        v[0]=(v[0]+v[1])&M; v[1]=rot(v[1],13)^v[0]; v[0]=rot(v[0],32)
        v[2]=(v[2]+v[3])&M; v[3]=rot(v[3],16)^v[2]
        v[0]=(v[0]+v[3])&M; v[3]=rot(v[3],21)^v[0]
        v[2]=(v[2]+v[1])&M; v[1]=rot(v[1],17)^v[2]; v[2]=rot(v[2],32)
    n=len(data); d=data+b'\0'*(-(n+1)%8)+bytes([n&255])
    for i in range(0,len(d),8):
        m=struct.unpack('<Q',d[i:i+8])[0]; v[3]^=m; rnd();rnd(); v[0]^=m
    v[2]^=0xff
    for _ in range(4): rnd()
    return v[0]^v[1]^v[2]^v[3]
def mix(x):
    x^=x>>30; x=x*0xbf58476d1ce4e5b9&M; x^=x>>27; x=x*0x94d049bb133111eb&M; return x^(x>>31)
arm=lambda v:mix((v+0x9e3779b97f4a7c15)&M)
draw=lambda k,a:-math.log(((mix(k^a)>>11)+1)*2.0**-53)
salt=bytes(range(1,17))
print(hex(sip(salt,b'user-42')))
bits=0
for i in range(64):
    k=sip(salt,b'user-%d'%i)
    if draw(k,arm(3))*750000<draw(k,arm(2))*250000: bits|=1<<i
print(hex(bits))
t=struct.pack('<QqQQqIIQII',0x0123456789abcdef,3,17,0xfedcba9876543210,1772366400123456789,5,5,0x1122334455667788,4242,0)
t+=struct.pack('<Q',sip(b'mlcm ticket text',t))[:6]
print('mlcm1.'+base64.urlsafe_b64encode(t).decode().rstrip('='))
