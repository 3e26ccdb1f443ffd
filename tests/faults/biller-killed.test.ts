import { fork } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportRows, listInvoices } from "../../platform/billing/index.ts";
import { billedMicros } from "../../platform/pricing/index.ts";
import { dayMs, declare, hourMs, later, may, use } from "../billing/ground.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import type { Answered, Asked, Biller } from "./biller.ts";

/** Ledgers in one process: a SIGKILL ends the biller of each at a point of its own. */
const lanes = 8;
const newTenants = 1;
/** For how long the receiver knows what it was asked, as payment services do. */
const remembersMs = dayMs;
const points = ["billing.issued", "billing.closed", "billing.begun", "billing.sent", "billing.recorded"];

catalogueRow({
  suite: "faults",
  name: "biller killed between sent and recorded; replay after 25 h",
  promise: "what was charged, what was used and the sum of the FOCUS export are one figure, and numbers have no gaps",
  n: { small: 200, large: 2_000 },
  run: killBillers,
  control: { without: "asking the receiver before a second attempt", n: 12 },
});

/** A ledger, what the test knows that its tenants used, and what the receiver charged them. */
type Lane = {
  readonly db: TestDatabase;
  /** Micro-units by tenant: our own arithmetic. */
  readonly used: Map<string, number>;
  readonly charges: { readonly id: string; readonly micros: number; readonly atMs: number }[];
};

async function killBillers({ n, random, guarded }: RowInput): Promise<Trials> {
  const made: Lane[] = [];
  let nowMs = later;
  let [trials, lives] = [0, 0];
  try {
    for (let i = 0; i < lanes; i++) {
      const lane: Lane = { db: await testDatabase(), used: new Map(), charges: [] };
      made.push(lane);
      await declare(lane.db.sql, { tenants: [] });
    }
    while (trials < n) {
      if (++lives > 10 * n) throw new Error("no biller passes the places where it is to be killed");
      await Promise.all(made.map((lane) => addTenants(lane, random)));
      const point = guarded ? random.pick(points) : "billing.sent";
      if (await life(made, { nowMs, guarded, armed: `${point}:${random.int(1, 3)}` })) trials += lanes;
      nowMs += 25 * hourMs + random.int(0, 5 * hourMs);
    }
    await life(made, { nowMs, guarded, armed: "" });
    const violations = (await Promise.all(made.map(judge))).flat();
    const charges = made.reduce((sum, lane) => sum + lane.charges.length, 0);
    return { trials, violations, figures: { lives, charges } };
  } finally {
    await Promise.all(made.map(({ db }) => db.close()));
  }
}

/** Tenants with a few hours of compute; 0.12 of a dollar an hour, in whole cents at the end. */
async function addTenants({ db, used }: Lane, random: Random): Promise<void> {
  for (let i = 0; i < newTenants; i++) {
    const tenant = `t${used.size}`;
    const hours = random.int(1, 5);
    const seconds = Array.from({ length: hours }, () => random.int(1, 3600));
    await use(db.sql, ...seconds.map((each, hour) => ({ tenant, hour, quantity: String(each) })));
    const micros = seconds.reduce((sum, each) => sum + each, 0) * (120_000 / 3_600);
    used.set(tenant, toCents(Math.round(micros)));
  }
}

/** Half to even, as bills are rounded. */
function toCents(micros: number): number {
  const whole = Math.floor(micros / 10_000);
  const rest = micros - whole * 10_000;
  const up = rest > 5_000 || (rest === 5_000 && whole % 2 === 1);
  return (up ? whole + 1 : whole) * 10_000;
}

/** One biller from its start to its end; whether it was killed. */
async function life(
  made: readonly Lane[],
  { nowMs, guarded, armed }: { readonly nowMs: number; readonly guarded: boolean; readonly armed: string },
): Promise<boolean> {
  const settings: Biller = {
    ...{ month: may.month, nowMs, guarded },
    lanes: await Promise.all(made.map(async ({ db }) => ({ url: db.url.reveal(), tenants: await notBilled(db) }))),
  };
  const child = fork(join(import.meta.dirname, "biller.ts"), [JSON.stringify(settings)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: { ...process.env, NEBULA_FAILPOINT: armed, NODE_COMPILE_CACHE: join(tmpdir(), "nebula-compile-cache") },
  });
  child.on("message", (asked: Asked) => {
    const lane = made[asked.lane];
    const answer: Answered = { call: asked.call, receipt: lane === undefined ? null : receive(lane, asked, nowMs) };
    // It may be dead by now; what was charged stays charged.
    if (child.connected) child.send(answer, () => undefined);
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL" && code !== 0) throw new Error(`a biller ended with ${code ?? signal}`);
  return signal === "SIGKILL";
}

const notBilled = async ({ sql }: TestDatabase): Promise<string[]> => {
  const rows = await sql.query<{ tenant: string }>(
    "select tenant from usage_records except select tenant from invoices order by tenant",
  );
  return rows.map(({ tenant }) => tenant);
};

/** Charges what it is sent, unless it remembers the id; finds what it charged, however long ago. */
function receive({ charges }: Lane, { kind, id, micros }: Asked, nowMs: number): string | null {
  const known = charges.findLast(
    (charge) => charge.id === id && (kind === "find" || nowMs - charge.atMs < remembersMs),
  );
  if (known !== undefined || kind === "find") return known === undefined ? null : `charge of ${known.id}`;
  charges.push({ id, micros, atMs: nowMs });
  return `charge of ${id}`;
}

async function judge({ db, used, charges }: Lane): Promise<string[]> {
  const invoices = await listInvoices(db.sql, {}, { limit: 100_000 });
  const violations: string[] = [];
  for (const [tenant, micros] of used) {
    const own = invoices.filter((invoice) => invoice.tenant === tenant);
    const charged = charges.filter(({ id }) => own.some((invoice) => id === `invoice.finalized:${invoice.id}`));
    const sums = {
      charged: charged.reduce((sum, charge) => sum + charge.micros, 0),
      billed: own.reduce((sum, { totalMicros }) => sum + totalMicros, 0),
      exported: Number(billedMicros(exportRows(own))),
    };
    for (const [what, sum] of Object.entries(sums))
      if (sum !== micros)
        violations.push(`${tenant} used ${micros}, and ${what} were ${sum} by ${charged.length} charges`);
  }
  const numbers = invoices.map(({ number }) => Number(number.slice(4))).sort((a, b) => a - b);
  if (numbers.some((number, index) => number !== index + 1)) violations.push(`numbers have gaps: ${numbers.join(" ")}`);
  return violations;
}
