/**
 * `nebula demo --chapter billing`: a month of three databases in under a minute, on a ledger of its own. The declarations, the samples and
 * the clock are made up; prices, roll-up, invoice, export and chain are what the platform runs.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  closeMonth,
  explainLine,
  exportRows,
  finalAfterMs,
  type IssuedInvoice,
  notePlans,
} from "../../platform/billing/index.ts";
import { makePostgresServer, resolveOsUser } from "../../platform/compute/index.ts";
import { type Scope, Secret, withScope } from "../../platform/core/index.ts";
import {
  billedMicros,
  focusVersion,
  formatMoney,
  moneyText,
  monthOf,
  monthSpan,
} from "../../platform/pricing/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { listPullCosts, migrate, rollUp } from "../../platform/store/index.ts";
import { makeRecorder, type Recorder } from "../../portal/cli/index.ts";
import { canEnter } from "../os-user.ts";
import { findFreePorts } from "../ports.ts";
import { type Format, print } from "../print.ts";
import { resolvePostgres } from "../toolchain/postgres.ts";
import { makeSay } from "../toolchain/say.ts";
import { declareShop, priceOf, runMonth } from "./demo-month.ts";

export async function demoBilling({ output }: { readonly output: Format }): Promise<void> {
  const recorder = makeRecorder();
  const began = performance.now();
  await withScope(async (scope) => {
    const sql = scope.add(await startLedger(scope), (pool) => pool.close());
    await tell(sql, recorder);
  });
  const totalMs = Math.round(performance.now() - began);
  say(`\nall of it in ${(totalMs / 1000).toFixed(1)} s`);
  if (output !== "table") await print({ steps: recorder.steps, totalMs }, output, () => "");
}

/** Talk goes to standard error, so that standard output stays data. */
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** A Postgres in a folder that goes away with the demo. */
async function startLedger(scope: Scope): Promise<Pool> {
  const tools = makeSay();
  const postgres = await resolvePostgres(process.env, tools);
  tools.done();
  const user = await resolveOsUser();
  const place = [tmpdir(), "/tmp"].find((folder) => canEnter(folder, user)) ?? "/tmp";
  const home = mkdtempSync(join(place, "nebula-demo-billing-"));
  chmodSync(home, 0o711); // Postgres may be another user
  scope.add(home, () => rmSync(home, { recursive: true, force: true }));
  const port = await findFreePorts();
  const server = await makePostgresServer({
    ...{ pgBin: postgres.binDir, port, password: new Secret("demo"), databases: ["ledger"] },
    ...{ dataDir: join(home, "server"), socketDir: join(home, "socket"), logFile: join(home, "log") },
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off", shared_buffers: "64MB" },
  });
  await server.start();
  scope.add(server, (it) => it.stop("immediate"));
  const sql = makePool({ url: server.socketUrl("ledger"), max: 4, applicationName: "nebula-demo" });
  await migrate(sql);
  return sql;
}

async function tell(sql: Pool, recorder: Recorder): Promise<void> {
  const today = new Date();
  const month = monthOf(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 1));
  const span = monthSpan(month);
  const nowMs = span.toMs + finalAfterMs;

  await recorder.step("A pull request that declares three databases, priced", async () => {
    await declareShop(sql, span);
    await notePlans(sql, span.fromMs);
    const estimate = priceOf(month);
    for (const { database, after } of estimate.databases)
      say(`   ${database.padEnd(8)} at most ${formatMoney(after?.micros ?? 0, estimate.currency)} a month`);
    say(`   together ${formatMoney(estimate.differenceMicros, estimate.currency)}, as the review says`);
    return { data: { month, estimateMicros: estimate.differenceMicros }, value: undefined };
  });

  await recorder.step(`The month ${month}: awake, asleep, growing; sampled and rolled up`, async () => {
    const samples = await runMonth(sql, span);
    const records = await rollUp(sql, span.toMs);
    say(`   ${samples} samples became ${records} hourly records`);
    return { data: { samples, records }, value: undefined };
  });

  const invoice = await recorder.step("The month is closed", async () => {
    const closed = await closeMonth(sql, { tenant: "acme", month, nowMs });
    const again = await closeMonth(sql, { tenant: "acme", month, nowMs });
    if (closed.kind !== "issued" || again.kind !== "already") throw new Error("the month was not closed exactly once");
    printLines(closed.invoice);
    say(`   closed a second time: still ${again.invoice.number}`);
    return { data: { number: closed.invoice.number, total: closed.invoice.total }, value: closed.invoice };
  });

  await recorder.step(`Its export in the columns of FOCUS ${focusVersion}`, async () => {
    const rows = exportRows([invoice]);
    const sum = billedMicros(rows);
    say(`   ${rows.length} rows, BilledCost together ${formatMoney(Number(sum), invoice.currency)}`);
    if (sum !== BigInt(invoice.totalMicros)) throw new Error("the export is not the invoice");
    say(`   equal to ${invoice.number} to the micro-unit`);
    return { data: { rows: rows.length, billedMicros: Number(sum) }, value: undefined };
  });

  await recorder.step("Estimate and actual of the pull request", async () => {
    const costs = await listPullCosts(sql, "repo_demo", 1);
    for (const { database, hours, estimatedMicros, actualMicros, currency } of costs)
      say(
        `   ${database.padEnd(8)} ${hours} hours: at most ${formatMoney(estimatedMicros, currency)}, actually ${formatMoney(actualMicros, currency)}`,
      );
    return { data: { costs }, value: undefined };
  });

  await recorder.step("From a line back to who asked for it", async () => {
    const chain = await explainLine(sql, invoice, 1);
    const [cause] = chain.causes;
    say(
      `   line      ${invoice.number}/1: ${chain.line.description}, ${formatMoney(chain.line.micros, invoice.currency)}`,
    );
    say(`   prices    ${invoice.priceBook}, commit ${invoice.fleet.commit.slice(0, 7)}`);
    say(`   usage     ${chain.usage.length} hours, together ${chain.usedQuantity} ${chain.line.unit}`);
    say(`   samples   ${chain.samples.kept} still kept`);
    say(`   operation ${cause?.operation} (${cause?.type})`);
    say(`   commit    ${cause?.commit.slice(0, 7)}`);
    say(`   pull      #${cause?.pull?.number} by ${cause?.pull?.author}`);
    if (cause?.pull?.author === undefined) throw new Error("the chain is broken");
    return { data: { hours: chain.usage.length, cause: { ...cause } }, value: undefined };
  });
}

function printLines({ number, lines, currency, totalMicros }: IssuedInvoice): void {
  say(`   ${number}`);
  for (const { position, description, micros } of lines)
    say(
      `   ${String(position).padStart(3)}  ${description.padEnd(64)} ${`${moneyText(micros)} ${currency}`.padStart(16)}`,
    );
  say(`        ${"total".padEnd(64)} ${`${moneyText(totalMicros)} ${currency}`.padStart(16)}`);
}
