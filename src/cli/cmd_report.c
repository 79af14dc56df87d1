/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_report.c - reports what became of an answer, from outside the process that gave it.
 */
#include "cli.h"

int cmd_report(cli *c) {
  mlcm_ticket ticket;
  mlcm_endpoint *endpoint = NULL;
  mlcm_endpoint_options options;
  const char *text = cli_get(&c->args, "value");
  double value = 1;
  if (text && !cli_real(text, &value)) return cli_usage(c, "--value wants a finite number, got '%s'", text);
  if (mlcm_ticket_from_text(mlcm_str_of(c->args.positional[1]), &ticket, &c->err) != MLCM_OK) return cli_fail(c);
  int code = cli_open(c, 0);
  if (code) return code;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = MLCM_ENDPOINT_MANUAL | MLCM_ENDPOINT_NO_ENGINE | MLCM_ENDPOINT_FOLLOW;
  mlcm_status st = mlcm_endpoint_open(c->reg, c->args.positional[0], &options, &endpoint, &c->err);
  if (st == MLCM_OK) st = mlcm_endpoint_report(endpoint, &ticket, c->args.positional[2], value, &c->err);
  mlcm_endpoint_close(endpoint);
  if (st != MLCM_OK) return cli_fail(c);
  if (!c->json) return printf("counted for version %lld\n", (long long)ticket.version), EXIT_OK;
  cJSON *root = json_object();
  json_text(root, "endpoint", c->args.positional[0]);
  json_whole(root, "version", ticket.version);
  json_text(root, "outcome", c->args.positional[2]);
  json_number(root, "value", value);
  return cli_json(root);
}
