/** What the chapter on billing makes up: who declared what, and how it was used for a month. */
import {
  estimateRates,
  type MonthSpan,
  metersOf,
  type PriceDifference,
  priceDifference,
} from "../../platform/pricing/index.ts";
import {
  type DatabaseSpec,
  type FleetSpec,
  type ProjectSpec,
  resolveDatabase,
  resolveFleet,
} from "../../platform/spec/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import {
  putFleet,
  putRepository,
  putSamples,
  recordPull,
  recordPullState,
  recordReview,
  type UsageSample,
} from "../../platform/store/index.ts";

const repository = "repo_demo";
const commit = "c0ffee".padEnd(40, "0");
const slotMs = 600_000;
const gib = 1024 ** 3;

/** Prices with everything that they can have: steps, a plan with an allowance, a tax. */
const declaredFleet = {
  quotas: { standard: { cpu: 10, memory: "20Gi", storage: "100Gi", databases: 10 } },
  prices: {
    ...{ id: "list-1", currency: "USD", storageGibMonth: "0.12", backupGibMonth: "0.05", egressGib: "0.09" },
    apiMillionRequests: "0.40",
    computeUnitHour: [{ upTo: "500", price: "0.08" }, { price: "0.06" }],
    plans: { standard: { fee: "20", minimum: "25", included: { computeUnitHour: "100" } } },
    tenants: { acme: { tax: { name: "VAT", percent: "19" }, billTo: { name: "Acme Inc.", address: ["1 Road"] } } },
  },
  policies: {},
  providers: [{ name: "this-machine", placement: "local", region: "local", engines: ["postgres"] }],
};

const fleet = ((): FleetSpec => {
  const resolved = resolveFleet(declaredFleet);
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
})();

function database(name: string, max: number, storage: string): DatabaseSpec {
  const options = { version: "18", compute: { min: 0.25, max }, storage };
  const resolved = resolveDatabase({ engine: "postgres", name, options });
  if (resolved.kind !== "ok") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
}

const project: ProjectSpec = {
  ...{ tenant: "acme", project: "shop", placement: "local", region: "local", quota: null },
  databases: [database("carts", 1, "5Gi"), database("orders", 1, "20Gi"), database("reports", 2, "50Gi")],
};

/** What the review says: the price book by which the month is billed, without what the plan includes. */
export function priceOf(month: string): PriceDifference {
  const rates = estimateRates(fleet.priceBook, { tenant: "acme", month });
  if (rates === null) throw new Error("the demo's prices are always in force");
  return priceDifference(null, project, rates, metersOf.local);
}

/** Pull request 1 of ada, merged and deployed as the month begins. */
export async function declareShop(sql: Pool, { month, fromMs }: MonthSpan): Promise<void> {
  await putRepository(sql, {
    ...{ id: repository, owner: "nebula", name: "tenants", defaultBranch: "main" },
    ...{ apiUrl: "http://127.0.0.1:1/api/v3", gitUrl: "http://127.0.0.1:1/nebula/tenants.git" },
    ...{ appId: null, appKeySealed: null, installationId: null, hookSecretSealed: "-", botTokenSealed: "-" },
  });
  const tenants = [{ tenant: "acme", displayName: "Acme", plan: "standard", members: [] }];
  await putFleet(sql, { repository, commit: "f1ee7".padEnd(40, "0"), inputs: "demo", fleet, tenants, problems: [] });
  const at = { repository, number: 1 };
  const head = "beef".padEnd(40, "0");
  await recordPull(sql, { ...at, requestedBy: "ada", headCommit: head, by: "portal" });
  const review = { projects: [{ stack: "acme.shop", tenant: "acme", project: "shop", price: priceOf(month) }] };
  await recordReview(sql, { ...at, head, review, planHash: "demo", verdict: "success" });
  await recordPullState(sql, { ...at, state: "merged", mergeCommit: commit });
  await sql.query("update pulls set merged_at = $1", [new Date(fromMs)]);
  await sql.query(
    `insert into operations (id, stack, type, state, commit, pull_number, requested_by, finished_at)
     values ('op_demo', 'acme.shop', 'DEPLOY', 'COMPLETED', $1, 1, 'ada', $2)`,
    [commit, new Date(fromMs)],
  );
}

/**
 * carts is always awake, orders on weekdays from six to ten, reports for an hour each night; all of them grow. Ten minutes a sample.
 * Returns how many there were.
 */
export async function runMonth(sql: Pool, { fromMs, toMs }: MonthSpan): Promise<number> {
  let written = 0;
  for (let dayStart = fromMs; dayStart < toMs; dayStart += 86_400_000) {
    const samples: UsageSample[] = [];
    for (let at = dayStart; at < dayStart + 86_400_000; at += slotMs)
      for (const { name, compute } of project.databases) {
        const units = isAwake(name, new Date(at)) ? unitsOf(name, compute.maxUnits, at) : 0;
        samples.push(sample(`acme.shop.${name}`, at, { units, bytes: sizeOf(name, (at - fromMs) / (toMs - fromMs)) }));
      }
    await putSamples(sql, samples);
    written += samples.length;
  }
  return written;
}

const isAwake = (name: string, at: Date): boolean => {
  const [hour, day] = [at.getUTCHours(), at.getUTCDay()];
  if (name === "carts") return true;
  if (name === "reports") return hour === 2;
  return day >= 1 && day <= 5 && hour >= 6 && hour < 22;
};

/** orders is busier by day; in quarters, as units are. */
const unitsOf = (name: string, max: number, at: number): number =>
  name === "orders" && new Date(at).getUTCHours() < 9 ? max / 2 : max;

const sizeOf = (name: string, part: number): number => {
  const { storageBytes } = project.databases.find((one) => one.name === name) ?? { storageBytes: gib };
  return Math.round(storageBytes * (0.2 + 0.5 * part));
};

const sample = (instance: string, at: number, of: { readonly units: number; readonly bytes: number }): UsageSample => {
  const awakeMs = of.units > 0 ? slotMs : 0;
  return {
    ...{ instance, slotMs: at, slotSeconds: slotMs / 1000, untilMs: at + slotMs, awakeMs, commit },
    ...{ computeUnitMs: of.units * slotMs, frozenUnitMs: 0, storageByteMs: BigInt(of.bytes) * BigInt(slotMs) },
    ...{
      branchByteMs: 0n,
      backupByteMs: 0n,
      connectionMs: awakeMs,
      computeUnits: of.units,
      storageBytes: of.bytes,
      connections: awakeMs > 0 ? 1 : 0,
    },
    serverStartedAtMs: null,
  };
};
