import { can, type Principal } from "../../../platform/identity/index.ts";
import { estimateRates, metersOf, monthlyEstimate, monthOf, type Rates } from "../../../platform/pricing/index.ts";
import {
  type ApiSpec,
  type BucketSpec,
  type DatabaseSpec,
  databaseId,
  isOver,
  type Placement,
  specHash,
} from "../../../platform/spec/index.ts";
import { type Instance, type ProjectRow, type ProjectView, readProjectView } from "../../../platform/store/index.ts";
import { apiUrlOf, type Gateway } from "../endpoints.ts";
import { notFound } from "../errors.ts";
import type { Portal } from "../portal.ts";
import { projectStatusToWire, withStall } from "../projects.ts";
import { moneyToWire, time, timeOrNull } from "../wire.ts";
import { conditionsOf, storageOf } from "./storage.ts";

/** A database as the API sees it: what Git wants, and what was made of it. At least one of them is there. */
export type DatabaseView = {
  readonly name: string;
  readonly project: ProjectRow;
  readonly wanted: DatabaseSpec | null;
  readonly instance: Instance | null;
  /** What an estimate is made with; null: there are no prices this month. */
  readonly rates: Rates | null;
  /** A branch whose time is over: it takes nothing. */
  readonly over: boolean;
  /** Open differences between what runs and what is declared. */
  readonly drift: number;
  /** Where clients reach it; null: it has not been made, or no gateway runs. */
  readonly apiUrl: string | null;
  readonly endpoint: { readonly host: string; readonly port: number } | null;
};

/**
 * Every database of a project that is declared or still has something on a machine, by name.
 * @throws NEB602 when the reconciler has not seen such a project.
 */
export async function listViews(
  { sql, gateway, clock }: Portal,
  tenant: string,
  project: string,
): Promise<readonly DatabaseView[]> {
  const view = await readProjectView(sql, `${tenant}.${project}`);
  if (view === undefined) throw notFound(`there is no project ${tenant}/${project} here`);
  const { priceBook } = view;
  const rates = priceBook === null ? null : estimateRates(priceBook, { tenant, month: monthOf(clock.now()) });
  return viewsOf(view, withStall(view.project, view.stall), { gateway, rates, nowMs: clock.now() });
}

/** @throws NEB602 when it is neither declared nor anywhere. */
export async function findView(portal: Portal, tenant: string, project: string, name: string): Promise<DatabaseView> {
  const found = (await listViews(portal, tenant, project)).find((view) => view.name === name);
  if (found === undefined) throw notFound(`there is no database ${tenant}/${project}/${name} here`);
  return found;
}

function viewsOf(
  { instances, drift }: ProjectView,
  project: ProjectRow,
  { gateway, rates, nowMs }: { readonly gateway: Gateway | null; readonly rates: Rates | null; readonly nowMs: number },
): DatabaseView[] {
  const wanted = new Map((project.wantedSpec?.databases ?? []).map((database) => [database.name, database]));
  const made = new Map(instances.map((instance) => [instance.database, instance]));
  const endpoint = gateway === null ? null : { host: gateway.host, port: gateway.directPort };
  return [...new Set([...wanted.keys(), ...made.keys()])].sort().map((name) => ({
    name,
    project,
    wanted: wanted.get(name) ?? null,
    instance: made.get(name) ?? null,
    rates,
    over: isOver(wanted.get(name)?.branch, ageSeconds(made.get(name), nowMs)),
    drift: drift[databaseId(project.tenant, project.project, name)] ?? 0,
    endpoint: made.get(name)?.host == null ? null : endpoint,
    apiUrl: apiOf(gateway, made.get(name)),
  }));
}

const ageSeconds = (instance: Instance | undefined, nowMs: number): number | undefined =>
  instance && (nowMs - instance.createdAt.getTime()) / 1000;

/** Of what runs: a data API that is declared and not deployed yet answers nobody. */
const apiOf = (gateway: Gateway | null, instance: Instance | undefined): string | null =>
  gateway === null || instance?.spec.api === undefined ? null : apiUrlOf(gateway, instance.id);

/** Strong: equal tags are equal declarations. A database that is not declared has none. */
export const tagOf = ({ wanted }: DatabaseView): string | null =>
  wanted === null ? null : `"${specHash(wanted).slice(0, 32)}"`;

/**
 * Ready, Reconciling or Stalled, with a reason; of the database where it is known, else of its project. Whether it is in sync is
 * another matter (`drift`): once a project is deployed, what somebody did to a machine does not make it "being deployed".
 */
export function statusOf({ project, wanted, instance }: DatabaseView): {
  status: ProjectRow["status"];
  reason: string;
} {
  if (instance?.phase === "Failed") return { status: "Stalled", reason: "Failed" };
  if (instance?.phase === "Expired") return { status: "Stalled", reason: "Expired" };
  const settled = instance !== null && ["Ready", "Paused", "Retired"].includes(instance.phase);
  if (settled && wanted !== null && isSame(instance.spec, wanted)) return { status: "Ready", reason: instance.phase };
  if (project.status !== "Ready") return { status: project.status, reason: project.reason };
  if (project.wantedHash !== project.appliedHash) return { status: "Reconciling", reason: "Deploying" };
  return settled ? { status: "Ready", reason: instance.phase } : { status: "Stalled", reason: "Missing" };
}

/** The ledger keeps both with their keys in one order, so equal texts are equal specs; only others need their hashes. */
const isSame = (one: DatabaseSpec, other: DatabaseSpec): boolean =>
  JSON.stringify(one) === JSON.stringify(other) || specHash(one) === specHash(other);

/** What it costs is for who may see usage there: a viewer reads without money (docs/roles.md). */
export function viewToWire(view: DatabaseView, principal: Principal) {
  const { name, project, wanted, instance } = view;
  const shown = wanted ?? instance?.spec;
  return {
    id: databaseId(project.tenant, project.project, name),
    domain: project.tenant,
    project: project.project,
    name,
    engine: shown?.engine ?? "postgres",
    version: instance?.version ?? shown?.version ?? "",
    spec: wanted === null ? null : specToWire(wanted),
    ...statusOf(view),
    drift: view.drift,
    phase: instance?.phase ?? null,
    computeState: computeStateOf(instance),
    compute: computeOf(view),
    storage: storageOf(instance),
    conditions: conditionsOf(instance),
    ...standbysOf(view),
    host: view.endpoint?.host ?? null,
    port: view.endpoint?.port ?? null,
    commit: instance?.commit ?? null,
    api: view.apiUrl === null ? null : { url: view.apiUrl },
    retired: wanted?.retire ?? instance?.phase === "Retired",
    estimate: can(principal, "usage:read", placeOf(view)) ? estimateOf(view) : null,
    createdAt: timeOrNull(instance?.createdAt ?? null),
    updatedAt: time(instance?.updatedAt ?? project.updatedAt),
  };
}

const runs: ReadonlySet<string> = new Set(["Ready", "Failed"]);

/** What was last seen of a server says nothing of one that is stopped on purpose. */
const computeStateOf = (instance: DatabaseView["instance"]) =>
  instance !== null && runs.has(instance.phase) ? instance.computeState : null;

const branchIsOver = "its time is over: extend its ttl in its file, or delete the file";

export function statusToWire(view: DatabaseView) {
  const { message, ...project } = projectStatusToWire(view.project);
  const { status, reason } = statusOf(view);
  const { wanted, instance } = view;
  return {
    ...project,
    status,
    reason,
    message: reason === "Expired" ? branchIsOver : status === project.status ? message : "",
    drift: view.drift,
    upToDate: wanted !== null && instance !== null && isSame(instance.spec, wanted),
    phase: instance?.phase ?? null,
    computeState: computeStateOf(instance),
    compute: computeOf(view),
    storage: storageOf(instance),
    conditions: conditionsOf(instance),
    ...standbysOf(view),
    version: instance?.version ?? null,
    host: view.endpoint?.host ?? null,
    port: view.endpoint?.port ?? null,
  };
}

/** The bounds are those that were deployed. */
function computeOf({ instance }: DatabaseView) {
  if (instance === null || instance.phase === "Removed") return null;
  const { minUnits: min, maxUnits: max } = instance.spec.compute;
  return { units: instance.computeUnits, min, max, enforced: instance.computeEnforced };
}

function standbysOf({ instance }: DatabaseView) {
  const standbys = (instance?.standbys ?? []).map(({ lagMs, ...standby }) => ({
    ...standby,
    lagSeconds: lagMs === null ? null : lagMs / 1000,
  }));
  return { standbys, failovers: instance?.failovers ?? 0 };
}

const placeOf = ({ name, project: { tenant, project } }: DatabaseView) => ({ tenant, project, database: name });

/** A month at the most and at the least units, by the price book that bills. null until a fleet is in force. */
function estimateOf({ wanted, project, rates, over }: DatabaseView) {
  if (wanted === null || rates === null) return null;
  const placement: Placement = project.wantedSpec?.placement ?? "local";
  const { currency } = rates;
  if (over) return { month: moneyToWire(0, currency), atMin: moneyToWire(0, currency) };
  const { micros, atMinMicros } = monthlyEstimate(wanted, rates, metersOf[placement]);
  return { month: moneyToWire(micros, currency), atMin: moneyToWire(atMinMicros, currency) };
}

/** Copied, because the API's types are not read-only. */
const specToWire = ({ api, buckets, ...spec }: DatabaseSpec) => ({
  ...spec,
  compute: { ...spec.compute },
  backups: { ...spec.backups },
  extensions: [...spec.extensions],
  roles: spec.roles.map((role) => ({ ...role })),
  allowFrom: [...spec.allowFrom],
  tags: { ...spec.tags },
  engineOptions: { ...spec.engineOptions },
  ...(spec.connections === undefined ? {} : { connections: { ...spec.connections } }),
  ...(api === undefined ? {} : { api: apiToWire(api) }),
  ...(buckets === undefined ? {} : { buckets: bucketsToWire(buckets) }),
  ...(spec.branch === undefined ? {} : { branch: { ...spec.branch } }),
});

export const bucketToWire = (bucket: BucketSpec) => ({ ...bucket, cors: [...bucket.cors] });
const bucketsToWire = (buckets: NonNullable<DatabaseSpec["buckets"]>) =>
  Object.fromEntries(Object.entries(buckets).map(([name, one]) => [name, bucketToWire(one)]));

export const apiToWire = ({ webhooks, realtime, ...api }: ApiSpec) => ({
  ...api,
  schemas: [...api.schemas],
  roles: [...api.roles],
  exposeWithoutRls: [...api.exposeWithoutRls],
  jwt: api.jwt.map((one) => ({ ...one, algorithms: [...one.algorithms] })),
  limits: { ...api.limits, endpoints: { ...api.limits.endpoints } },
  cache: { ...api.cache },
  cors: [...api.cors],
  ...(realtime === undefined ? {} : { realtime: [...realtime] }),
  ...(webhooks === undefined ? {} : { webhooks: webhooks.map((one) => ({ ...one, events: [...one.events] })) }),
});
