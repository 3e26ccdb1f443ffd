import { type Failpoint, failpoints } from "../../platform/core/index.ts";
import { eventually } from "../harness/eventually.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { type Lane, makeLane } from "./failpoint-lane.ts";

/** So many places are tried between two looks at the whole state: recovery meets the next change, as it does in life. */
const between = 5;
/** Passed again and again: the hit that kills is chosen. */
const repeated: ReadonlySet<Failpoint> = new Set([
  ...(["deploy.event", "worker.pulumi-event", "usage.sampled", "drift.looked", "drift.noted"] as const),
]);

/** Not passed by a reconciler; each is tried in tests/compute/failover.test.ts. */
const ofTakeovers = /^compute\.(succession|primary|standby)/;
/** Passed only where a month is over; each is tried in biller-killed.test.ts or payments-killed.test.ts. */
const ofBilling = /^(billing|payments)\./;
const places = failpoints.filter((name) => !ofTakeovers.test(name) && !ofBilling.test(name));

/** Brings a lane to a place, by what passes there. */
async function reach(lane: Lane, point: Failpoint, random: Random): Promise<boolean> {
  const hit = repeated.has(point) ? random.int(1, 2) : 1;
  switch (point) {
    case "deploy.state-repaired":
      // Something is pending only after a kill in the middle of an effect of Pulumi's, not of what mends after one.
      await lane.settled();
      lane.arm("provider.effect-done", 1);
      await lane.push();
      if (!(await lane.fired())) return false;
      lane.arm(point, hit);
      await lane.sql.query("update operations set run_after = now() where state = 'QUEUED'");
      break;
    case "provider.removed":
      await lane.pushTemporary();
      lane.arm(point, hit);
      await lane.endTemporary();
      break;
    case "review.merged":
      await lane.settled();
      lane.arm(point, hit);
      await lane.propose();
      break;
    case "migrate.held":
    case "migrate.begun":
    case "migrate.ran":
    case "migrate.committed":
      lane.arm(point, hit);
      await lane.pushMigration();
      break;
    case "usage.rolled":
      // The hours that ended are rolled up by whoever starts.
      await lane.push();
      lane.arm(point, hit);
      await lane.killNow();
      break;
    default:
      lane.arm(point, hit);
      await lane.push();
  }
  return lane.fired();
}

async function runLane(points: readonly Failpoint[], random: Random, never: Snapshot): Promise<Trials> {
  const lane = await makeLane();
  const violations: string[] = [];
  let trials = 0;
  try {
    lane.start();
    await lane.settled();
    let group: Failpoint[] = [];
    for (const point of points) {
      group.push(point);
      if (!(await reach(lane, point, random))) violations.push(`${point} was not passed; ${lane.said().slice(-300)}`);
      trials++;
      if (group.length < between && trials < points.length) continue;
      violations.push(...(await look(lane, never, group)));
      group = [];
      if (violations.length > 3) break;
    }
  } finally {
    violations.push(...(await lane.close()));
  }
  return { trials, violations };
}

type Snapshot = Awaited<ReturnType<Lane["snapshot"]>>;

/** The state of a platform that was never killed. */
async function neverKilled(): Promise<Snapshot> {
  const lane = await makeLane();
  try {
    lane.start();
    await lane.settled();
    await lane.push();
    await lane.settled();
    return asIf(await lane.snapshot(), lane.rev(), "r0");
  } finally {
    await lane.close();
  }
}

/** All that a text changes is one tag: the same state under another revision. */
const asIf = (snapshot: Snapshot, from: string, to: string): Snapshot =>
  JSON.parse(JSON.stringify(snapshot).replaceAll(JSON.stringify(from), JSON.stringify(to))) as Snapshot;

/** The state after the kills against that of a platform which was told the same and never killed. */
async function look(lane: Lane, fresh: Snapshot, group: readonly Failpoint[]): Promise<readonly string[]> {
  const about = `after ${group.join(", ")}`;
  try {
    await lane.settled();
  } catch (thrown) {
    return [`${about}: ${String(thrown)}; ${lane.said().slice(-600)}`];
  }
  const never = asIf(fresh, "r0", lane.rev());
  const told = async () => {
    const killed = asIf(await lane.snapshot(), "", "");
    const differs = (Object.keys(never) as (keyof typeof never)[]).filter(
      (part) => JSON.stringify(killed[part]) !== JSON.stringify(never[part]),
    );
    if (differs.length > 0)
      throw new Error(
        `${about}: ${differs.map((part) => `${part} is ${JSON.stringify(killed[part])}, not ${JSON.stringify(never[part])}`).join("; ")}`,
      );
    return true;
  };
  // What is told after the last write may take a moment; what is wrong stays wrong.
  return eventually("it is the same", told, { timeoutMs: 8_000, everyMs: 200 }).then(
    () => [],
    (thrown) => [String(thrown)],
  );
}

/** Nobody takes up what a dead process had claimed: its lease never ends and its death is never proved. */
async function runControl(n: number, random: Random): Promise<Trials> {
  const lane = await makeLane();
  const violations: string[] = [];
  try {
    lane.start();
    await lane.settled();
    await lane.sql.query(`create function keep_leases() returns trigger language plpgsql as $$ begin
      if new.lease_until is not null then new.lease_until := 'infinity'; new.holder := 'elsewhere/1/1'; end if;
      return new; end $$;
      create trigger keep before update on stacks for each row execute function keep_leases()`);
    for (let trial = 0; trial < n && violations.length === 0; trial++) {
      await reach(lane, random.pick(["deploy.claimed", "deploy.decided", "deploy.job-sent"] as const), random);
      const settled = await Promise.race([
        lane.settled().then(() => true),
        new Promise<false>((resolve) => setTimeout(() => resolve(false), 10_000)),
      ]).catch(() => false);
      if (!settled) violations.push("what was claimed is never done");
    }
  } finally {
    await lane.close();
  }
  return { trials: n, violations };
}

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  if (!guarded) return runControl(n, random);
  const rounds = Math.ceil(n / places.length);
  const points = Array.from({ length: rounds }, () => random.shuffle(places))
    .flat()
    .slice(0, n);
  const half = Math.ceil(points.length / 2);
  const never = await neverKilled();
  const lanes = await Promise.all([
    runLane(points.slice(0, half), random, never),
    runLane(points.slice(half), random, never),
  ]);
  return {
    trials: lanes.reduce((sum, lane) => sum + lane.trials, 0),
    violations: lanes.flatMap((lane) => lane.violations),
  };
}

catalogueRow({
  suite: "faults",
  name: "kill -9 at every failpoint between two writes",
  promise: "the state equals that of a run without faults",
  n: { small: 100, large: 1000 },
  run,
  control: { without: "taking up what a dead process had claimed", n: 1 },
  timeoutMs: 600_000,
});
