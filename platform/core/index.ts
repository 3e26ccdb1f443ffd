export type { Clock } from "./clock.ts";
export { systemClock, toTimestamp } from "./clock.ts";
export { badConfig, type Config, choice, integer, optional, resolveConfig, secret, text } from "./config.ts";
export { drainUnread } from "./drain.ts";
export type { ErrorDefinition, Fault, FaultDetail, Problem as ProblemDocument } from "./errors.ts";
export { asNebulaError, definedErrors, defineError, internalError, NebulaError, toProblem } from "./errors.ts";
export { exposition, type Family } from "./exposition.ts";
export { type Failpoint, failpoint, failpoints } from "./failpoint.ts";
export { type GatewayPorts, gatewayFields, gatewayNames, gatewayPorts } from "./gateway-settings.ts";
export { type GuardOptions, guardedFetch } from "./guarded-fetch.ts";
export {
  answerHealth,
  type Check,
  type CheckReport,
  dependencyLate,
  type Health,
  type HealthReport,
  type HealthState,
  makeHealth,
  processMissing,
  replicaBehind,
  worst,
} from "./health.ts";
export { programCheck, roomCheck } from "./health-checks.ts";
export { registerHealthGauge } from "./health-gauge.ts";
export { returnMemoryOfStart } from "./heap.ts";
export { isProvedDead, ourHolder } from "./holder.ts";
export { newId } from "./ids.ts";
export type { LogLevel } from "./log.ts";
export { makeLogger } from "./log.ts";
export { type Main, mainFields, productVersion, runMain, say } from "./main.ts";
export type { Metrics } from "./metrics.ts";
export { makeMetrics } from "./metrics.ts";
export type { Observation, Observe } from "./observations.ts";
export { ignoreObservations } from "./observations.ts";
export { makeRepeat, type Repeat } from "./repeat.ts";
export { reportFault } from "./report-fault.ts";
export {
  type Address,
  hostOf,
  hostPolicy,
  isPublicAddress,
  type Resolve,
  resolveSafely,
  safeUrl,
  type UrlPolicy,
  urlRefused,
} from "./safe-url.ts";
export type { Scope } from "./scope.ts";
export { openScope, withScope } from "./scope.ts";
export { Secret } from "./secret.ts";
export { readSecretFile } from "./secret-file.ts";
export {
  currentTraceIds,
  currentTraceparent,
  type Door,
  following,
  formatTraceparent,
  holdSpan,
  inSpan,
  makeDoor,
  noTracer,
  noteSpan,
  openForwarder,
  openTracer,
  outsideSpans,
  parseTraceparent,
  recordBelow,
  recordSpan,
  type Span,
  type SpanFacts,
  type SpanRecord,
  type SpanWish,
  type Tracer,
  traced,
  under,
} from "./tracing/index.ts";
export type { BorrowedVault, DataKey, Vault, VaultKeys, VaultLoan, VaultWish } from "./vault.ts";
export {
  keyIdOf,
  makeBorrowedVault,
  makeVault,
  makeVaultOver,
  scopeOf,
  sealBroken,
  sealingKeyUnknown,
} from "./vault.ts";
