import { fork } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeMonth, listInvoices } from "../../platform/billing/index.ts";
import { declare, hourMs, later, may, use } from "../billing/ground.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";
import { type FakeStripe, startStripe } from "../harness/stripe/server.ts";
import { totalOf } from "../harness/stripe/shop.ts";
import type { Sender } from "./payer.ts";

const points = [
  "payments.begun",
  "payments.created",
  "payments.filled",
  "payments.finalized",
  "payments.recorded",
  "billing.sent",
];
const mishaps = ["lost before", "lost after", "failed after"] as const;
const newTenants = 3;

catalogueRow({
  suite: "faults",
  name: "sender to the payment service killed; replay after 25 h",
  promise: "each invoice is there once, open, with our total to the unit",
  n: { small: 30, large: 1_500 },
  run: killSenders,
  control: { without: "asking there first", n: 12 },
});

/** A service and a ledger that outlive the senders; each life ends at a point of its own, and the next begins 25 hours later. */
async function killSenders({ n, random, guarded }: RowInput): Promise<Trials> {
  let nowMs = later;
  const db = await testDatabase();
  const fake = await startStripe(() => nowMs);
  const due = new Map<string, number>();
  let [trials, lives] = [0, 0];
  try {
    await declare(db.sql, { tenants: [] });
    while (trials < n) {
      if (++lives > 10 * n) throw new Error("no sender passes the places where it is to be killed");
      await addInvoices(db, random, due);
      fake.mishap = (request) =>
        guarded && request.startsWith("POST") && random.int(1, 12) === 1 ? random.pick(mishaps) : undefined;
      const point = guarded ? random.pick(points) : "payments.created";
      if (await life(db, fake, { nowMs, guarded, armed: `${point}:${random.int(1, newTenants)}` })) trials++;
      nowMs += 25 * hourMs + random.int(0, 5 * hourMs);
    }
    fake.mishap = () => undefined;
    // What was put off is due by then.
    for (let more = 0; more < 2; more++, nowMs += 25 * hourMs) await life(db, fake, { nowMs, guarded, armed: "" });
    return {
      trials,
      violations: await judge(db, fake, due),
      figures: { lives, invoices: due.size, requests: fake.requests.length },
    };
  } finally {
    await fake.close();
    await db.close();
  }
}

/** Tenants with a few hours of May, closed; what each owes, in cents by our own arithmetic. */
async function addInvoices({ sql }: TestDatabase, random: Random, due: Map<string, number>): Promise<void> {
  for (let i = 0; i < newTenants; i++) {
    const tenant = `t${due.size}`;
    const hours = random.int(1, 6);
    await use(sql, ...Array.from({ length: hours }, (_, hour) => ({ tenant, hour })));
    await closeMonth(sql, { tenant, month: may.month, nowMs: later });
    due.set(tenant, hours * 12);
  }
}

/** One sender from its start to its end; whether it was killed. */
async function life(
  db: TestDatabase,
  fake: FakeStripe,
  { nowMs, guarded, armed }: { readonly nowMs: number; readonly guarded: boolean; readonly armed: string },
): Promise<boolean> {
  const settings: Sender = { url: db.url.reveal(), stripeUrl: fake.url, key: fake.key, nowMs, guarded };
  const child = fork(join(import.meta.dirname, "payer.ts"), [JSON.stringify(settings)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: { ...process.env, NEBULA_FAILPOINT: armed, NODE_COMPILE_CACHE: join(tmpdir(), "nebula-compile-cache") },
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (signal !== "SIGKILL" && code !== 0) throw new Error(`a sender ended with ${code ?? signal}`);
  return signal === "SIGKILL";
}

async function judge({ sql }: TestDatabase, { shop }: FakeStripe, due: ReadonlyMap<string, number>): Promise<string[]> {
  const invoices = await listInvoices(sql, {}, { limit: 100_000 });
  const violations: string[] = [];
  for (const [tenant, cents] of due) {
    const own = invoices.find((invoice) => invoice.tenant === tenant);
    const there = [...shop.invoices.values()].filter(
      ({ metadata, status }) => metadata.nebula_invoice === own?.id && status !== "void",
    );
    const said = there.map((one) => `${one.status} ${totalOf(one)}`).join(", ");
    if (said !== `open ${cents}`) violations.push(`${tenant} owes ${cents}, and there is: ${said || "nothing"}`);
  }
  return violations;
}
