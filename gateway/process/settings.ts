/** What the gateway's process is told by its environment. */
import { type Config, choice, gatewayFields, integer, mainFields, text } from "../../platform/core/index.ts";

export const fields = {
  NEBULA_DATA: text(),
  NEBULA_PORT: integer(4400),
  NEBULA_PG_BIN: text(),
  ...gatewayFields,
  NEBULA_GATEWAY_WEB_PORT: integer(0),
  NEBULA_PORTAL_URL: text(""),
  NEBULA_PRIVATE_HOSTS: text(""),
  NEBULA_GATEWAY_TLS_KEY: text(""),
  NEBULA_GATEWAY_REQUIRE_TLS: choice(["outside", "never"], "outside"),
  NEBULA_GATEWAY_LIMITS: text(""),
  NEBULA_GATEWAY_DRAIN_SECONDS: integer(5),
  ...mainFields,
};

export type Settings = Config<typeof fields>;

export const portalOf = (config: Settings): string =>
  (config.NEBULA_PORTAL_URL || `http://127.0.0.1:${config.NEBULA_PORT}`).replace(/\/+$/, "");
