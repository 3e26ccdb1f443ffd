import { writeSync } from "node:fs";
import pino from "pino";
import type { Observation, Observe } from "./observations.ts";
import { currentTraceIds } from "./tracing/index.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * JSON lines on standard error, with the ids of the span that they were written under; `error` means that a human must act. A log that
 * cannot be written ends no process.
 */
export function makeLogger(process: string, level: LogLevel = "info"): Observe {
  const logger = pino(
    {
      level,
      base: { process },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    standardError,
  );
  return (observation) => {
    const { kind, ...fields } = observation;
    logger[levelOf(observation)]({ kind, ...fields, ...currentTraceIds() }, kind);
  };
}

/** Not pino's own destination: with a full disk under it that one ends its process, or never lets it end. */
const standardError = {
  write(line: string): void {
    try {
      writeSync(2, line);
    } catch {
      // Nowhere is left to say so.
    }
  },
};

function levelOf(observation: Observation): LogLevel {
  switch (observation.kind) {
    case "fault":
      return "error";
    case "process.ended":
    case "merge.refused":
    case "lease.lost":
    case "lock.removed":
    case "traces.lost":
    case "instance.failed_over":
    case "standby.lost":
    case "instance.healed":
    case "orphan.found":
      return "warn";
    case "auth.reuse":
      return "warn";
    case "auth.sign_in":
      return observation.verdict === "limited" ? "warn" : "debug";
    case "mail.failed":
      return observation.willRetry ? "warn" : "error";
    case "metrics.breaker":
      return observation.state === "closed" ? "info" : "warn";
    case "githost.changed":
      return observation.state === "ok" ? "info" : "warn";
    case "webhook.received":
      return observation.verdict === "refused" ? "warn" : "debug";
    case "webhook.delivery":
      return observation.status >= 200 && observation.status < 300 ? "debug" : "warn";
    case "operation.ended":
      return observation.state === "FAILED" ? "error" : "info";
    case "notification.tried":
      return observation.outcome === "dead" ? "warn" : "debug";
    case "payment.problem":
      return "error";
    case "payment.checked":
      return observation.differences > 0 ? "error" : "info";
    case "hold.changed":
      return "info";
    case "payment.event":
      return "info";
    case "webhook.tried":
      return observation.outcome === "dead" ? "warn" : "debug";
    case "api.request":
      return observation.status === 500 ? "error" : "debug";
    case "files.request":
    case "files.refused":
    case "http.request":
      return observation.status >= 500 ? "error" : "debug";
    case "backup.damaged":
      return "error";
    case "standbys.counted":
      return observation.complete ? "info" : "warn";
    case "storage.level":
      return observation.level === "ok" ? "info" : "warn";
    case "gateway.refused":
      return observation.reason === "server" || observation.reason === "unavailable" ? "warn" : "info";
    case "billing.closed":
      return observation.refused === 0 ? "info" : "warn";
    case "billing.told":
      return observation.postponed === 0 ? "info" : "warn";
    case "gateway.cancel":
      return observation.verdict === "passed" ? "debug" : "warn";
    case "gateway.opened":
    case "gateway.closed":
    case "deploy.phase":
    case "status.passed":
    case "metrics.passed":
    case "metrics.served":
    case "drift.passed":
    case "usage.sampled":
    case "usage.events":
    case "log.shipped":
    case "source.fetched":
    case "evaluate.done":
      return "debug";
    case "process.started":
    case "process.stopping":
    case "audit.anchored":
    case "audit.pruned":
    case "keys.resealed":
    case "review.done":
    case "operation.queued":
    case "operation.claimed":
    case "lease.taken":
    case "mail.sent":
    case "signing_key.rotated":
    case "instance.started":
    case "instance.stopped":
    case "instance.suspended":
    case "standby.made":
    case "instance.scaled":
    case "drift.opened":
    case "drift.closed":
    case "backup.taken":
    case "backup.verified":
    case "migration.ran":
    case "usage.rolled":
    case "usage.gaps":
    case "gateway.woke":
    case "tls.loaded":
    case "rest.schema":
      return "info";
  }
}
