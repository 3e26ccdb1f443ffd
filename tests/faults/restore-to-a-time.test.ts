import { setTimeout as sleep } from "node:timers/promises";
import pLimit from "p-limit";
import type { Target } from "../../platform/backup/index.ts";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { archived, type BackupGround, keep, makeBackupGround } from "../backup/ground.ts";
import { addressOf, asTenant } from "../compute/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

/** A restore waits for other programs more than it works. */
const restoresAtOnce = 2;

/** The client's own ledger: number n was not there before `sent`, and is there from `acknowledged` on. */
type Noted = { readonly n: number; readonly sent: number; readonly acknowledged: number };

/** Short transactions with pauses; each noted when the server has said "committed", never before. Parts of the log end now and then. */
async function write(
  wanted: InstanceWanted,
  ground: BackupGround,
  { count, random }: { count: number; random: Random },
) {
  const noted: Noted[] = [];
  await connectOnce(await addressOf(ground.driver, wanted), async (sql) => {
    for (let n = 1; n <= count; n++) {
      await sleep(random.int(3, 12));
      const sent = Date.now();
      await sql.tx(async (tx) => {
        await tx.query("insert into moments (n) values ($1)", [n]);
        await tx.query("insert into total values (1, 1) on conflict (k) do update set n = total.n + 1");
      });
      noted.push({ n, sent, acknowledged: Date.now() });
      if (n % 25 === 0) await ground.driver.machinery.flush(wanted.id);
      if (n === Math.floor(count / 2)) await ground.backups.take(wanted.id, { kind: "incremental", ...keep });
    }
  });
  return noted;
}

/** At which exactly the first n were committed. */
type Moment = { readonly at: Date; readonly n: number };

function moments(noted: readonly Noted[]): readonly Moment[] {
  return noted.slice(0, -1).flatMap(({ n, acknowledged }, i) => {
    const next = noted[i + 1];
    return next !== undefined && next.sent >= acknowledged + 2 ? [{ n, at: new Date(acknowledged + 1) }] : [];
  });
}

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeBackupGround();
  try {
    const wanted = await archived(ground);
    const { backups, driver } = ground;
    await asTenant(driver, wanted, (sql) => sql.query("create table total (k int primary key, n int)"));
    await backups.take(wanted.id, { kind: "full", ...keep });
    const all = moments(await write(wanted, ground, { count: 240, random }));
    await driver.machinery.flush(wanted.id);
    const { lastSegment } = await backups.ship(wanted.id);
    const violations: string[] = [];
    const tookMs: number[] = [];
    const picked = Array.from({ length: n }, () => random.pick(all));
    const restore = async ({ at, n: expected }: Moment) => {
      const target: Target = guarded ? { kind: "time", at } : { kind: "latest" };
      const began = performance.now();
      const found = await backups.look(wanted.id, target, async (sql) => ({
        numbers: (await sql.query<{ n: number }>("select n from public.moments order by n")).map((row) => row.n),
        total: (await sql.maybe<{ n: number }>("select n from public.total"))?.n ?? 0,
      }));
      tookMs.push(performance.now() - began);
      const isExact = found.numbers.length === expected && found.numbers.every((one, k) => one === k + 1);
      if (!isExact || found.total !== expected)
        violations.push(
          `${at.toISOString()} has ${found.numbers.length} rows and a total of ${found.total}, not ${expected}`,
        );
    };
    const limit = pLimit(restoresAtOnce);
    await Promise.all(picked.map((moment) => limit(() => restore(moment))));
    if (guarded)
      violations.push(
        ...(await refuseGaps(ground, wanted, {
          random,
          gaps: Math.ceil(n / 5),
          last: all.at(-1)?.at ?? new Date(),
          lastSegment,
        })),
      );
    const median = [...tookMs].sort((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? 0;
    return { trials: n, violations, figures: { restoreP50Ms: Math.round(median) } };
  } finally {
    await ground.clear();
  }
}

type Gaps = {
  readonly random: Random;
  /** How many parts are taken away, one at a time; fewer when the log has not so many. */
  readonly gaps: number;
  readonly last: Date;
  readonly lastSegment: string | null;
};

/** With any one part gone between the backup and the moment, nothing is restored. */
async function refuseGaps(
  { backups, store }: BackupGround,
  wanted: InstanceWanted,
  { random, gaps, last, lastSegment }: Gaps,
): Promise<readonly string[]> {
  const [line] = await backups.lines(wanted.id);
  const base = line?.bases.at(-1);
  const parts = (await store.list(`${wanted.id}/${line?.identity}/wal/`)).map(({ key }) => key);
  const from = parts.findIndex((key) => key.endsWith(firstPartOf(base?.startLsn ?? "0/0")));
  // each restore since has begun another part; what lies after the moment is not needed for it
  const to = parts.findIndex((key) => key.endsWith(lastSegment ?? "nothing"));
  const candidates = parts.slice(from, to).filter((key) => /\/[0-9A-F]{24}$/.test(key));
  const violations: string[] = [];
  for (const key of random.shuffle(candidates).slice(0, gaps)) {
    const kept: Buffer[] = [];
    for await (const chunk of await store.get(key)) kept.push(chunk as Buffer);
    await store.delete([key]);
    const refused = async (target: Target) => {
      const code = await codeOf(backups.look(wanted.id, target, async () => undefined));
      if (code !== "NEB415" && code !== "NEB419") violations.push(`without ${key} ${target.kind} ended with ${code}`);
    };
    await Promise.all([refused({ kind: "time", at: last }), refused({ kind: "latest" })]);
    await store.put(key, Buffer.concat(kept));
  }
  return violations;
}

const firstPartOf = (lsn: string): string => {
  const [high = "0", low = "0"] = lsn.split("/");
  const part = Math.floor(Number.parseInt(low, 16) / 0x1000000);
  return [1, Number.parseInt(high, 16), part].map((one) => one.toString(16).toUpperCase().padStart(8, "0")).join("");
};

catalogueRow({
  suite: "faults",
  name: "point-in-time restore to random times",
  promise: "the rows equal the client's ledger exactly, and a gap in the log refuses",
  n: { small: 50, large: 300 },
  run,
  control: { without: "the recovery target", n: 4 },
  timeoutMs: 120_000,
});
