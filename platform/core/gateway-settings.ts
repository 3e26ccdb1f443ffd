import { integer, text } from "./config.ts";

/** Where clients reach databases: settings that the gateway and whoever tells clients of it read alike. */
export const gatewayFields = {
  /** Where it listens. */
  NEBULA_GATEWAY_HOST: text("127.0.0.1"),
  /** 0: the platform's first port + 90. */
  NEBULA_GATEWAY_PORT: integer(0),
  /** 0: the platform's first port + 91. */
  NEBULA_POOL_PORT: integer(0),
  /** 0: the platform's first port + 93. */
  NEBULA_GATEWAY_API_PORT: integer(0),
  /** 0: the platform's first port + 94. */
  NEBULA_FILES_PORT: integer(0),
  /** Without, there are no buckets. */
  NEBULA_VERSITYGW_BIN: text(""),
  /** Without, there is no pooled endpoint. */
  NEBULA_PGBOUNCER_BIN: text(""),
  /** Host names under it are databases, and web sites of buckets. */
  NEBULA_GATEWAY_DOMAIN: text("db.localhost"),
  /** More names that it is reached by, separated by commas. */
  NEBULA_GATEWAY_NAMES: text(""),
  /** Without, it has one of the platform's own CA. */
  NEBULA_GATEWAY_TLS_CERT: text(""),
};

export type GatewayPorts = {
  /** Every feature of the protocol. */
  readonly direct: number;
  /** The same through a pool of transactions. */
  readonly pooled: number;
  /** /metrics, /livez and /readyz. */
  readonly web: number;
  /** Databases over HTTP. */
  readonly api: number;
  /** Buckets: S3 and web sites. */
  readonly files: number;
};

type Chosen = {
  readonly NEBULA_GATEWAY_PORT?: number;
  readonly NEBULA_POOL_PORT?: number;
  readonly NEBULA_GATEWAY_WEB_PORT?: number;
  readonly NEBULA_GATEWAY_API_PORT?: number;
  readonly NEBULA_FILES_PORT?: number;
};

/** Its ports in a platform whose first port is `first`; 0 is not chosen. */
export const gatewayPorts = (first: number, chosen: Chosen = {}): GatewayPorts => ({
  direct: chosen.NEBULA_GATEWAY_PORT || first + 90,
  pooled: chosen.NEBULA_POOL_PORT || first + 91,
  web: chosen.NEBULA_GATEWAY_WEB_PORT || first + 92,
  api: chosen.NEBULA_GATEWAY_API_PORT || first + 93,
  files: chosen.NEBULA_FILES_PORT || first + 94,
});

/** What NEBULA_GATEWAY_NAMES names. */
export const gatewayNames = (setting: string): readonly string[] =>
  setting
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
