/** What the portal's process is told by its environment. */
import {
  type Config,
  choice,
  gatewayFields,
  integer,
  mainFields,
  type Observe,
  optional,
  secret,
  text,
  type Vault,
} from "../../platform/core/index.ts";
import { defaultLifetimes } from "../../platform/identity/index.ts";
import { keyFields } from "../../platform/keys/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import { stripeFields } from "../../platform/stripe/index.ts";
import { defaultLimits } from "../api/index.ts";
import { registrationModes } from "../auth/index.ts";

export const fields = {
  NEBULA_DATA: text(),
  NEBULA_PORT: integer(4400),
  NEBULA_LEDGER_URL: secret(),
  NEBULA_SERVE: choice(["api,forge", "api", "forge"], "api,forge"),
  NEBULA_API_PORT: integer(0),
  NEBULA_LIMITS: text(""),
  NEBULA_OPEN_OPERATIONS: integer(defaultLimits.openOperations),
  NEBULA_CORS_ORIGINS: text(""),
  NEBULA_TRUSTED_PROXIES: text(""),
  NEBULA_PUBLIC_URL: text(""),
  NEBULA_GIT_HOSTS: text("github.com,api.github.com"),
  NEBULA_PRIVATE_HOSTS: text(""),
  NEBULA_HOOK_URL: text(""),
  NEBULA_GATEWAY_HEALTH_URL: text(""),
  NEBULA_POLL_SECONDS: integer(30),
  NEBULA_GITHUB_APP_ID: integer(0),
  NEBULA_GITHUB_APP_KEY: optional(secret()),
  NEBULA_DRAIN_GRACE_SECONDS: integer(0),
  NEBULA_DRAIN_SECONDS: integer(10),
  NEBULA_REGISTRATION: choice(registrationModes, "invited"),
  NEBULA_ACCESS_TOKEN_SECONDS: integer(defaultLifetimes.accessSeconds),
  NEBULA_SESSION_IDLE_HOURS: integer(defaultLifetimes.idleSeconds / 3600),
  NEBULA_SESSION_HOURS: integer(defaultLifetimes.absoluteSeconds / 3600),
  NEBULA_REDIS_URL: optional(secret()),
  NEBULA_SMTP_URL: optional(secret()),
  NEBULA_OIDC_PROVIDERS: optional(secret()),
  NEBULA_GITHUB_SIGN_IN: optional(secret()),
  NEBULA_MAIL_FROM: text("NebulaDB <nebuladb@localhost>"),
  NEBULA_AUDIT_DAYS: integer(366),
  ...stripeFields,
  ...gatewayFields,
  ...mainFields,
  ...keyFields,
};

export type Settings = Config<typeof fields>;

/** What its parts have in common. */
export type Common = {
  readonly sql: Pool;
  readonly vault: Vault;
  readonly observe: Observe;
  readonly config: Settings;
};

/** Where people and other programs reach it. */
export const publicUrlOf = (config: Settings): string =>
  (config.NEBULA_PUBLIC_URL || `http://127.0.0.1:${config.NEBULA_PORT}`).replace(/\/+$/, "");
