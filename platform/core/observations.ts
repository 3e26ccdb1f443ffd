/**
 * Everything that happens in production, as one union. The log line and the metric of an observation are two exhaustive
 * folds over it (`log.ts`, `metrics.ts`): a new kind that is not folded does not compile.
 *
 * 1. No observation carries a secret, a statement's text or a connection string.
 * 2. Labels of metrics have bounded values: never an id, an address or a message.
 */
export type Observation =
  | { readonly kind: "process.started"; readonly process: string; readonly version: string }
  | { readonly kind: "process.stopping"; readonly process: string; readonly reason: string }
  /** A process of ours ended without being asked to; its supervisor starts it again. */
  | {
      readonly kind: "process.ended";
      readonly process: string;
      readonly how: string;
      readonly restartInMs: number;
    }
  /** Spans that no receiver took, or that found the queue full. */
  | { readonly kind: "traces.lost"; readonly spans: number }
  | {
      readonly kind: "fault";
      readonly where: string;
      readonly code: string;
      readonly message: string;
      readonly stack?: string;
    }
  | {
      readonly kind: "http.request";
      readonly server: "portal" | "forge" | "reconciler";
      readonly method: string;
      /** The route's pattern, never the path. */
      readonly route: string;
      readonly status: number;
      readonly durationMs: number;
      readonly requestId: string;
      readonly principal?: string;
    }
  | {
      readonly kind: "webhook.received";
      readonly event: string;
      readonly verdict: "accepted" | "duplicate" | "stale" | "refused";
    }
  | { readonly kind: "webhook.delivery"; readonly event: string; readonly status: number; readonly durationMs: number }
  /** A Git host failed several times in a row and is left alone for a while, or answers again. */
  | {
      readonly kind: "githost.changed";
      readonly host: string;
      readonly state: "ok" | "paused";
      readonly reason: string;
    }
  | {
      readonly kind: "source.fetched";
      readonly repository: string;
      readonly commit: string;
      readonly changedProjects: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "evaluate.done";
      readonly stack: string;
      readonly verdict: "ok" | "invalid" | "cached";
      readonly problems: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "review.done";
      readonly repository: string;
      readonly pull: number;
      readonly commit: string;
      readonly verdict: "pending" | "success" | "failure" | "error";
      readonly durationMs: number;
    }
  | {
      readonly kind: "merge.refused";
      readonly repository: string;
      readonly pull: number;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: "operation.queued"; readonly operation: string; readonly stack: string; readonly type: string }
  | {
      readonly kind: "operation.claimed";
      readonly operation: string;
      readonly stack: string;
      readonly type: string;
      readonly fence: number;
      readonly waitMs: number;
    }
  | {
      readonly kind: "operation.ended";
      readonly operation: string;
      readonly stack: string;
      readonly type: string;
      readonly state: "COMPLETED" | "FAILED" | "CANCELLED" | "QUEUED";
      readonly outcome: string;
      readonly durationMs: number;
    }
  /** Work that runs once is ours now. */
  | { readonly kind: "lease.taken"; readonly name: string; readonly fence: number }
  | { readonly kind: "lease.lost"; readonly stack: string; readonly fence: number }
  | { readonly kind: "deploy.phase"; readonly stack: string; readonly phase: string; readonly durationMs: number }
  | { readonly kind: "lock.removed"; readonly stack: string; readonly owner: string; readonly proof: string }
  | { readonly kind: "instance.started"; readonly instance: string; readonly durationMs: number }
  | { readonly kind: "instance.stopped"; readonly instance: string; readonly durationMs: number }
  /** Nobody used it: its processes stand still, or were stopped. */
  | {
      readonly kind: "instance.suspended";
      readonly instance: string;
      readonly depth: "frozen" | "asleep";
      /** Direct sessions that it had. */
      readonly sessions: number;
    }
  /** It has other compute units from now on, without a restart. */
  | {
      readonly kind: "instance.scaled";
      readonly instance: string;
      readonly from: number;
      readonly to: number;
      readonly reason: string;
    }
  /** A standby is the primary from now on: the one before had died. */
  | {
      readonly kind: "instance.failed_over";
      readonly instance: string;
      readonly standby: number;
      readonly durationMs: number;
    }
  /** Whether every commit that was answered, where commits wait, is with its standbys. False: a loss of the primary now is no failover. */
  | { readonly kind: "standbys.counted"; readonly instance: string; readonly complete: boolean }
  | { readonly kind: "standby.made"; readonly instance: string; readonly standby: number }
  /** It could not follow its primary any more, and is made anew. */
  | { readonly kind: "standby.lost"; readonly instance: string; readonly standby: number }
  | { readonly kind: "instance.healed"; readonly instance: string; readonly reason: string }
  /** A database has come to another step of being full; `percent` of its declared storage. */
  | {
      readonly kind: "storage.level";
      readonly instance: string;
      readonly level: "ok" | "nearly full" | "almost full" | "full" | "closed";
      readonly percent: number;
    }
  | { readonly kind: "status.passed"; readonly instances: number; readonly failed: number; readonly durationMs: number }
  | {
      readonly kind: "drift.passed";
      readonly databases: number;
      readonly inspected: number;
      readonly open: number;
      readonly durationMs: number;
    }
  | { readonly kind: "drift.opened" | "drift.closed"; readonly instance: string; readonly path: string }
  | { readonly kind: "log.shipped"; readonly instance: string; readonly parts: number; readonly durationMs: number }
  | {
      readonly kind: "backup.taken";
      readonly instance: string;
      readonly type: "full" | "incremental";
      readonly durationMs: number;
    }
  /** A restore was tried, and came out right. */
  | { readonly kind: "backup.verified"; readonly instance: string; readonly durationMs: number }
  /** Something that is stored is missing or does not open. */
  | { readonly kind: "backup.damaged"; readonly instance: string; readonly piece: string }
  | { readonly kind: "orphan.found"; readonly path: string; readonly reason: string }
  | {
      readonly kind: "auth.sign_in";
      readonly method: "password" | "code" | "provider" | "passkey";
      readonly verdict: "signed-in" | "second-factor" | "refused" | "limited";
    }
  /** A refresh token came a second time: its session was ended. */
  | { readonly kind: "auth.reuse"; readonly session: string }
  | { readonly kind: "signing_key.rotated"; readonly key: string }
  | { readonly kind: "mail.sent"; readonly mail: string; readonly via: "smtp" | "folder" }
  | { readonly kind: "mail.failed"; readonly code: string; readonly message: string; readonly willRetry: boolean }
  /** Where the audit's chain stands: the log's word against an end that is cut off later. */
  | { readonly kind: "audit.anchored"; readonly seq: number; readonly hash: string }
  | { readonly kind: "keys.resealed"; readonly key: string; readonly values: number; readonly failed: number }
  | { readonly kind: "audit.pruned"; readonly lines: number }
  /** One look at every database of the machine. */
  | { readonly kind: "metrics.passed"; readonly databases: number; readonly durationMs: number }
  /** A question about a database's figures was answered, by this layer. */
  | {
      readonly kind: "metrics.served";
      readonly layer: "l1" | "l2" | "stale" | "source" | "none";
      readonly durationMs: number;
    }
  /** A database's source of figures is left alone for a while, or asked again. */
  | { readonly kind: "metrics.breaker"; readonly state: "open" | "closed" }
  | { readonly kind: "usage.sampled"; readonly databases: number; readonly durationMs: number }
  /** A client's session stands: from its first byte to ready for its first query. */
  | {
      readonly kind: "gateway.opened";
      readonly instance: string;
      readonly endpoint: "direct" | "pooled";
      readonly tls: boolean;
      readonly wake: "none" | "start" | "thaw";
      readonly durationMs: number;
    }
  | {
      readonly kind: "gateway.closed";
      readonly instance: string;
      readonly endpoint: "direct" | "pooled";
      readonly bytesIn: number;
      readonly bytesOut: number;
      readonly durationMs: number;
    }
  /** A client was not let in, with the SQLSTATE that it was told. */
  | {
      readonly kind: "gateway.refused";
      readonly reason: string;
      readonly code: string;
      readonly address: string;
      readonly instance?: string;
    }
  /** A connection woke a database; the phases add up to `totalMs`. */
  | {
      readonly kind: "gateway.woke";
      readonly instance: string;
      readonly how: "start" | "thaw";
      readonly tries: number;
      /** Until its client had signed in. */
      readonly acceptMs: number;
      readonly queuedMs: number;
      readonly startMs: number;
      readonly readyMs: number;
      /** Signed in at the server. */
      readonly authMs: number;
      /** From then to the first answer; the client's own time is in it. */
      readonly firstRowMs: number;
      readonly totalMs: number;
    }
  /** The data API has answered, for a database that it serves. */
  | {
      readonly kind: "api.request";
      readonly instance: string;
      readonly method: string;
      readonly status: number;
      readonly caller: "anonymous" | "key" | "token" | "nobody";
      /** Out of what is kept, without the database. */
      readonly cached: boolean;
      /** Milliseconds of each stage that it came to. */
      readonly stages: Readonly<Record<string, number>>;
      readonly durationMs: number;
    }
  /** Something was asked of a bucket of this database, and answered, by the server behind or by a web site. */
  | {
      readonly kind: "files.request";
      readonly instance: string;
      readonly method: string;
      readonly status: number;
      readonly durationMs: number;
    }
  /** Something was asked of buckets that nobody was let in for. `code` is S3's. */
  | { readonly kind: "files.refused"; readonly code: string; readonly status: number }
  /** A changed row was offered to a receiver of webhooks. */
  | {
      readonly kind: "webhook.tried";
      readonly instance: string;
      readonly webhook: string;
      readonly outcome: "delivered" | "later" | "dead";
      /** 0: it did not answer. */
      readonly status: number;
      readonly attempt: number;
      readonly durationMs: number;
    }
  | { readonly kind: "gateway.cancel"; readonly verdict: "passed" | "unknown" | "limited" }
  | { readonly kind: "tls.loaded"; readonly fingerprint: string; readonly validTo: string; readonly own: boolean }
  /** The data API read a database's schema. */
  | { readonly kind: "rest.schema"; readonly relations: number; readonly version: number; readonly durationMs: number }
  /** A migration of a database has run. */
  | { readonly kind: "migration.ran"; readonly instance: string; readonly durationMs: number }
  /** A channel of a tenant was told a piece of news, or not. */
  | {
      readonly kind: "notification.tried";
      readonly tenant: string;
      /** The kind of the news. */
      readonly notification: string;
      readonly way: "email" | "webhook" | "slack";
      readonly outcome: "delivered" | "later" | "dead";
      readonly attempt: number;
      readonly durationMs: number;
    }
  /** Databases of a tenant are paused because of money, or may run again. */
  | {
      readonly kind: "hold.changed";
      readonly tenant: string;
      readonly project: string | null;
      readonly reason: "budget" | "unpaid";
      readonly state: "placed" | "lifted";
    }
  /** The payment service told something, or was asked. */
  | { readonly kind: "payment.event"; readonly type: string; readonly outcome: string }
  | {
      readonly kind: "payment.problem";
      readonly tenant: string;
      readonly invoice: string;
      readonly code: string;
      readonly message: string;
    }
  /** Our invoices were held against the payment service's. */
  | { readonly kind: "payment.checked"; readonly checked: number; readonly differences: number }
  /** Months of tenants that were closed, and such that could not be. */
  | { readonly kind: "billing.closed"; readonly issued: number; readonly refused: number }
  /** Somebody was told of invoices. */
  | {
      readonly kind: "billing.told";
      readonly consumer: string;
      readonly delivered: number;
      readonly postponed: number;
    }
  | { readonly kind: "usage.rolled"; readonly records: number; readonly window: string }
  /** Nobody had looked at databases for a while. */
  | { readonly kind: "usage.gaps"; readonly gaps: number }
  /** Events of others were taken. */
  | { readonly kind: "usage.events"; readonly accepted: number; readonly duplicates: number; readonly refused: number };

export type Observe = (observation: Observation) => void;

export const ignoreObservations: Observe = () => {};
