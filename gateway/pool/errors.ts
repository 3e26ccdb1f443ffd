import { defineError } from "../../platform/core/index.ts";

export const poolerFailed = defineError({
  code: "NEB720",
  status: 500,
  title: "PgBouncer did not start",
  retry: true,
  hint: "The last lines of its log are in the message; the whole log is log/pgbouncer.log in the data folder. The direct endpoint works meanwhile.",
});

export const poolerPortTaken = defineError({
  code: "NEB721",
  status: 409,
  title: "The pooled endpoint's port is taken",
  retry: true,
  hint: "Stop the program that listens there; PgBouncer is started by itself as soon as the port is free. `nebula up --port N` chooses others.",
});

export const consoleFailed = defineError({
  code: "NEB722",
  status: 500,
  title: "PgBouncer's console does not answer as it should",
  retry: true,
  hint: "log/pgbouncer.log in the data folder says why. PgBouncer is asked again by itself.",
});
