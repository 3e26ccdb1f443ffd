import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Observation, Observe } from "./observations.ts";

export type Metrics = {
  readonly observe: Observe;
  /** A gauge read at scrape time, for example a usage total kept in the ledger. */
  gauge(
    name: `nebuladb_${string}`,
    help: string,
    labels: readonly string[],
    collect: (set: GaugeSetter) => Promise<void>,
  ): void;
  /** Every name that `render` may show, with the labels of each: what rules and dashboards can ask for. */
  names(): ReadonlyMap<string, readonly string[]>;
  /** Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
};

type GaugeSetter = (labels: Readonly<Record<string, string>>, value: number) => void;

/** 0.05 and 0.2 are what is promised of databases and of the API (observability/objectives.ts). */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Of answers out of memory. */
const briefSeconds = [0.001, 0.01, 0.1, 1, 10];

/** Prometheus waits ten seconds for a page. */
const usualPatienceMs = 5_000;

/** A gauge that cannot be read, or not in `patienceMs`, is absent from the page: the others still answer. */
export function makeMetrics(process: string, { patienceMs = usualPatienceMs } = {}): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process });
  collectDefaultMetrics({ register: registry });
  const instruments = makeInstruments(registry);
  return {
    observe: (observation) => record(instruments, observation),
    gauge(name, help, labels, collect) {
      new Gauge({
        name,
        help,
        labelNames: [...labels],
        registers: [registry],
        async collect() {
          const forget = () => {
            this.reset();
            // the library sets one without labels to 0, which nobody has said
            if (labels.length === 0) this.remove();
          };
          forget();
          let isOpen = true;
          const read = collect((values, value) => {
            if (isOpen) this.set(values, value);
          });
          const isWhole = await within(patienceMs, read);
          isOpen = false;
          if (!isWhole) forget();
        },
      });
    },
    names: () => new Map(registry.getMetricsAsArray().flatMap(namesOf)),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** Whether it succeeds by then. */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

/** Of a histogram the three that it becomes. `process` is on everything. */
function namesOf(metric: object): readonly (readonly [string, readonly string[]])[] {
  const { name, labelNames } = metric as { readonly name: string; readonly labelNames: readonly string[] };
  const labels = [...labelNames.filter((label) => label !== "le"), "process"];
  if (!(metric instanceof Histogram)) return [[name, labels]];
  return [
    [`${name}_bucket`, [...labels, "le"]],
    [`${name}_count`, labels],
    [`${name}_sum`, labels],
  ];
}

type Instruments = ReturnType<typeof makeInstruments>;

function makeInstruments(registry: Registry) {
  const registers = [registry];
  const histogram = (name: string, help: string, labelNames: string[], buckets = seconds) =>
    new Histogram({ name: `nebuladb_${name}`, help, labelNames, buckets, registers });
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `nebuladb_${name}`, help, labelNames, registers });
  return {
    requests: histogram("http_request_duration_seconds", "HTTP requests by route.", [
      "server",
      "method",
      "route",
      "status",
    ]),
    faults: counter("faults_total", "Faults that a human should look at.", ["where", "code"]),
    tracesLost: counter("traces_lost_spans_total", "Spans that no receiver of traces took.", []),
    webhooks: counter("webhooks_received_total", "Webhook deliveries received.", ["event", "verdict"]),
    deliveries: histogram("webhook_delivery_duration_seconds", "Webhook deliveries sent.", ["event", "status"]),
    fetches: histogram("source_fetch_duration_seconds", "Fetches of a tenant repository.", []),
    evaluations: histogram("evaluate_duration_seconds", "Evaluations of a project.", ["verdict"]),
    reviews: histogram("review_duration_seconds", "Reviews of a pull request, push to verdict.", ["verdict"]),
    hostPauses: counter("githost_pauses_total", "Times that a failing Git host was left alone for a while.", []),
    mergesRefused: counter("merges_refused_total", "Automatic merges that the Git host refused.", ["code"]),
    queued: counter("operations_queued_total", "Operations queued.", ["type"]),
    waits: histogram("operation_wait_seconds", "From queued to claimed.", ["type"]),
    operations: histogram("operation_duration_seconds", "From claimed to ended.", ["type", "state"]),
    leasesTaken: counter("leases_taken_total", "Singleton leases taken.", []),
    leasesLost: counter("leases_lost_total", "Leases lost to a newer fence.", []),
    phases: histogram("deploy_phase_duration_seconds", "Phases of a deployment.", ["phase"]),
    locksRemoved: counter("state_locks_removed_total", "Pulumi locks removed from owners proved dead.", []),
    starts: histogram("instance_start_duration_seconds", "Starts of a database instance.", []),
    stops: histogram("instance_stop_duration_seconds", "Stops of a database instance.", []),
    suspensions: counter("instances_suspended_total", "Database instances frozen or stopped as idle.", ["depth"]),
    failovers: histogram("failover_duration_seconds", "Standbys that took their primary's place.", []),
    standbys: counter("standbys_made_total", "Standbys copied from their primary.", []),
    standbysShort: counter("standbys_short_total", "Databases whose commits waited for no standby any more.", []),
    standbysLost: counter("standbys_lost_total", "Standbys that could not follow any more.", []),
    scalings: counter("instance_scalings_total", "Changes of compute units, by why.", ["direction", "reason"]),
    heals: counter("instances_healed_total", "Database instances started again after they died.", []),
    storageLevels: counter("storage_levels_total", "Databases that came to a step of being full.", ["level"]),
    driftPasses: histogram("drift_pass_duration_seconds", "One drift pass over all databases.", []),
    driftOpened: counter("drift_opened_total", "Differences between databases and declarations found.", []),
    driftClosed: counter("drift_closed_total", "Differences that are gone again.", []),
    orphans: counter("orphans_found_total", "Orphans found on the machine.", []),
    statusPasses: histogram("status_pass_duration_seconds", "One status pass over all databases.", []),
    samples: histogram("usage_sample_duration_seconds", "One sampling pass over all databases.", []),
    metricsPasses: histogram("metrics_pass_duration_seconds", "One look at every database of the machine.", []),
    metricsServed: histogram(
      "metrics_serve_duration_seconds",
      "Questions about a database's figures, by what answered.",
      ["layer"],
      briefSeconds,
    ),
    metricsBreakers: counter("metrics_breaker_changes_total", "Sources of figures left alone, or asked again.", [
      "state",
    ]),
    signIns: counter("sign_ins_total", "Sign-ins tried, by how they ended.", ["method", "verdict"]),
    reuses: counter("refresh_tokens_reused_total", "Sessions ended because a refresh token came twice.", []),
    mails: counter("mails_total", "Mails sent, or not.", ["verdict"]),
    auditSeq: new Gauge({ name: "nebuladb_audit_anchored_seq", help: "Newest anchored line of the audit.", registers }),
    resealed: counter("vault_values_resealed_total", "Secrets sealed anew under another key.", []),
    auditPruned: counter("audit_lines_pruned_total", "Lines of the audit past their retention.", []),
    invoices: counter("invoices_total", "Months of tenants that were closed, or could not be.", ["verdict"]),
    billingEvents: counter("billing_events_total", "Events of invoices that somebody was told.", [
      "consumer",
      "verdict",
    ]),
    usageRecords: counter("usage_records_written_total", "Usage records written.", []),
    usageGaps: counter("usage_gaps_total", "Times in which nobody had looked at a database.", []),
    usageEvents: counter("usage_events_total", "Usage events that came from outside.", ["verdict"]),
    backups: histogram("backup_duration_seconds", "A base backup of a database, by type.", ["type"]),
    backupTrials: histogram("backup_trial_duration_seconds", "A restore that was tried.", []),
    backupDamages: counter("backup_damages_total", "Stored pieces found missing or damaged.", []),
    migrations: histogram("migration_duration_seconds", "Migrations of databases that have run.", []),
    logParts: counter("log_parts_shipped_total", "Parts of databases' logs that were stored.", []),
    connects: histogram("gateway_connect_duration_seconds", "Sessions opened, first byte to ready.", [
      "endpoint",
      "wake",
    ]),
    sessionBytes: counter("gateway_session_bytes_total", "Bytes of sessions that ended.", ["endpoint", "direction"]),
    refused: counter("gateway_refused_total", "Clients not let in.", ["reason", "code"]),
    wakes: histogram("gateway_wake_phase_duration_seconds", "Phases of wakes by connections.", ["how", "phase"]),
    dataRequests: histogram("data_api_request_duration_seconds", "Requests of the data API, by database.", [
      ...["tenant", "project", "database", "status", "cached"],
    ]),
    dataStages: histogram("data_api_stage_duration_seconds", "Stages of the data API's requests.", ["stage"]),
    fileRequests: histogram("files_request_duration_seconds", "Requests of buckets, by database.", [
      ...["tenant", "project", "database", "method", "status"],
    ]),
    filesRefused: counter("files_refused_total", "Requests of buckets that were not let in.", ["code"]),
    webhookTries: histogram("webhook_attempt_duration_seconds", "Attempts to tell a receiver of a changed row.", [
      "outcome",
    ]),
    notificationTries: histogram(
      "notification_attempt_duration_seconds",
      "Attempts to tell a tenant's channel of news.",
      [...["way", "outcome"]],
    ),
    holds: counter("holds_total", "Times that databases were held because of money, or let go.", ["reason", "state"]),
    paymentEvents: counter("payment_events_total", "What the payment service told, by what came of it.", [
      ...["type", "outcome"],
    ]),
    paymentProblems: counter("payment_problems_total", "Invoices that stand still with the payment service.", ["code"]),
    paymentDifferences: new Gauge({
      name: "nebuladb_payment_differences",
      help: "Differences between our invoices and the payment service's, when last compared.",
      registers,
    }),
    cancels: counter("gateway_cancels_total", "Cancel requests.", ["verdict"]),
    tlsValidTo: new Gauge({
      name: "nebuladb_tls_valid_until_seconds",
      help: "When the gateway's certificate ends, in seconds since the epoch.",
      registers,
    }),
  };
}

function record(to: Instruments, o: Observation): void {
  switch (o.kind) {
    case "http.request":
      return to.requests.observe(
        { server: o.server, method: o.method, route: o.route, status: String(o.status) },
        o.durationMs / 1000,
      );
    case "fault":
      return to.faults.inc({ where: o.where, code: o.code });
    case "traces.lost":
      return to.tracesLost.inc(o.spans);
    case "webhook.received":
      return to.webhooks.inc({ event: o.event, verdict: o.verdict });
    case "webhook.delivery":
      return to.deliveries.observe({ event: o.event, status: String(o.status) }, o.durationMs / 1000);
    case "source.fetched":
      return to.fetches.observe(o.durationMs / 1000);
    case "evaluate.done":
      return to.evaluations.observe({ verdict: o.verdict }, o.durationMs / 1000);
    case "review.done":
      return to.reviews.observe({ verdict: o.verdict }, o.durationMs / 1000);
    case "githost.changed":
      return o.state === "paused" ? to.hostPauses.inc() : undefined;
    case "merge.refused":
      return to.mergesRefused.inc({ code: o.code });
    case "operation.queued":
      return to.queued.inc({ type: o.type });
    case "operation.claimed":
      return to.waits.observe({ type: o.type }, o.waitMs / 1000);
    case "operation.ended":
      return to.operations.observe({ type: o.type, state: o.state }, o.durationMs / 1000);
    case "lease.taken":
      return to.leasesTaken.inc();
    case "lease.lost":
      return to.leasesLost.inc();
    case "deploy.phase":
      return to.phases.observe({ phase: o.phase }, o.durationMs / 1000);
    case "lock.removed":
      return to.locksRemoved.inc();
    case "instance.started":
      return to.starts.observe(o.durationMs / 1000);
    case "instance.stopped":
      return to.stops.observe(o.durationMs / 1000);
    case "instance.suspended":
      return to.suspensions.inc({ depth: o.depth });
    case "instance.failed_over":
      return to.failovers.observe(o.durationMs / 1000);
    case "standby.made":
      return to.standbys.inc();
    case "standbys.counted":
      return o.complete ? undefined : to.standbysShort.inc();
    case "standby.lost":
      return to.standbysLost.inc();
    case "instance.scaled":
      return to.scalings.inc({ direction: o.to > o.from ? "up" : "down", reason: o.reason });
    case "storage.level":
      return to.storageLevels.inc({ level: o.level.replace(" ", "_") });
    case "instance.healed":
      return to.heals.inc();
    case "drift.passed":
      return to.driftPasses.observe(o.durationMs / 1000);
    case "drift.opened":
      return to.driftOpened.inc();
    case "drift.closed":
      return to.driftClosed.inc();
    case "orphan.found":
      return to.orphans.inc();
    case "status.passed":
      return to.statusPasses.observe(o.durationMs / 1000);
    case "auth.sign_in":
      return to.signIns.inc({ method: o.method, verdict: o.verdict });
    case "auth.reuse":
      return to.reuses.inc();
    case "mail.sent":
      return to.mails.inc({ verdict: "sent" });
    case "mail.failed":
      return to.mails.inc({ verdict: o.willRetry ? "postponed" : "given up" });
    case "metrics.passed":
      return to.metricsPasses.observe(o.durationMs / 1000);
    case "metrics.served":
      return to.metricsServed.observe({ layer: o.layer }, o.durationMs / 1000);
    case "metrics.breaker":
      return to.metricsBreakers.inc({ state: o.state });
    case "usage.sampled":
      return to.samples.observe(o.durationMs / 1000);
    case "billing.closed":
      to.invoices.inc({ verdict: "issued" }, o.issued);
      return to.invoices.inc({ verdict: "refused" }, o.refused);
    case "billing.told":
      to.billingEvents.inc({ consumer: o.consumer, verdict: "delivered" }, o.delivered);
      return to.billingEvents.inc({ consumer: o.consumer, verdict: "postponed" }, o.postponed);
    case "usage.rolled":
      return to.usageRecords.inc(o.records);
    case "usage.gaps":
      return to.usageGaps.inc(o.gaps);
    case "usage.events":
      to.usageEvents.inc({ verdict: "accepted" }, o.accepted);
      to.usageEvents.inc({ verdict: "duplicate" }, o.duplicates);
      return to.usageEvents.inc({ verdict: "refused" }, o.refused);
    case "backup.taken":
      return to.backups.observe({ type: o.type }, o.durationMs / 1000);
    case "backup.verified":
      return to.backupTrials.observe(o.durationMs / 1000);
    case "backup.damaged":
      return to.backupDamages.inc();
    case "migration.ran":
      return to.migrations.observe(o.durationMs / 1000);
    case "log.shipped":
      return to.logParts.inc(o.parts);
    case "audit.anchored":
      return to.auditSeq.set(o.seq);
    case "keys.resealed":
      return to.resealed.inc(o.values);
    case "audit.pruned":
      return to.auditPruned.inc(o.lines);
    case "gateway.opened":
      return to.connects.observe({ endpoint: o.endpoint, wake: o.wake }, o.durationMs / 1000);
    case "gateway.closed":
      to.sessionBytes.inc({ endpoint: o.endpoint, direction: "in" }, o.bytesIn);
      return to.sessionBytes.inc({ endpoint: o.endpoint, direction: "out" }, o.bytesOut);
    case "gateway.refused":
      return to.refused.inc({ reason: o.reason, code: o.code });
    case "gateway.woke":
      for (const [phase, ms] of wakePhases(o)) to.wakes.observe({ how: o.how, phase }, ms / 1000);
      return;
    case "api.request":
      return recordDataRequest(to, o);
    case "files.request": {
      const [tenant = "", project = "", database = ""] = o.instance.split(".");
      const status = `${Math.floor(o.status / 100)}xx`;
      return to.fileRequests.observe({ tenant, project, database, method: o.method, status }, o.durationMs / 1000);
    }
    case "files.refused":
      return to.filesRefused.inc({ code: o.code });
    case "webhook.tried":
      return to.webhookTries.observe({ outcome: o.outcome }, o.durationMs / 1000);
    case "notification.tried":
      return to.notificationTries.observe({ way: o.way, outcome: o.outcome }, o.durationMs / 1000);
    case "hold.changed":
      return to.holds.inc({ reason: o.reason, state: o.state });
    case "payment.event":
      return to.paymentEvents.inc({ type: o.type, outcome: o.outcome });
    case "payment.problem":
      return to.paymentProblems.inc({ code: o.code });
    case "payment.checked":
      return to.paymentDifferences.set(o.differences);
    case "gateway.cancel":
      return to.cancels.inc({ verdict: o.verdict });
    case "tls.loaded":
      return to.tlsValidTo.set(Date.parse(o.validTo) / 1000);
    case "rest.schema":
    case "signing_key.rotated":
    case "process.ended":
    case "process.started":
    case "process.stopping":
      return;
  }
}

/** By the first digit of the status: `2xx`. */
function recordDataRequest(to: Instruments, o: Extract<Observation, { kind: "api.request" }>): void {
  const [tenant = "", project = "", database = ""] = o.instance.split(".");
  const status = `${Math.floor(o.status / 100)}xx`;
  to.dataRequests.observe({ tenant, project, database, status, cached: String(o.cached) }, o.durationMs / 1000);
  for (const [stage, ms] of Object.entries(o.stages)) to.dataStages.observe({ stage }, ms / 1000);
}

type Woke = Extract<Observation, { kind: "gateway.woke" }>;

const wakePhases = (o: Woke): readonly (readonly [phase: string, ms: number])[] => [
  ["accept", o.acceptMs],
  ["queued", o.queuedMs],
  ["start", o.startMs],
  ["ready", o.readyMs],
  ["authenticate", o.authMs],
  ["first row", o.firstRowMs],
  ["total", o.totalMs],
];
