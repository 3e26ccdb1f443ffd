import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { type Command, Option } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, printRows } from "../output.ts";
import { addMeteringCommands } from "./metering.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Money = { readonly amount: string; readonly currency: string };

export type Invoice = {
  readonly id: string;
  /** null: a draft. */
  readonly number: string | null;
  readonly status: string;
  readonly kind: string;
  readonly tenant: string;
  /** null: the whole tenant. */
  readonly projects: readonly string[] | null;
  readonly period: { readonly month: string };
  readonly total: Money;
  readonly lines: readonly {
    readonly position: number;
    readonly kind: string;
    readonly project: string | null;
    readonly database: string | null;
    readonly meter: string | null;
    readonly tier: string | null;
    readonly description: string;
    readonly quantity: string | null;
    readonly unit: string | null;
    readonly pricedQuantity: string | null;
    readonly pricedUnit: string | null;
    readonly unitPrice: Money;
    readonly price: Money;
  }[];
};

export type UsageRecord = {
  readonly domain: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  readonly windowStart: string;
  readonly quantity: string;
};

type Range = { readonly tenant?: string; readonly month?: string };

export function addUsageCommands(program: Command): void {
  const usage = program.command("usage").description("what was used and what it costs");
  ranged(
    withOutput(usage.command("list", { isDefault: true }).description("usage of the month by database and meter")),
  ).action(list);
  ranged(withOutput(usage.command("invoice").description("the month's invoice; a draft until it is closed"))).action(
    invoice,
  );
  addMeteringCommands(usage);
  ranged(withOutput(usage.command("export").description("the month's usage for finance, on standard output")))
    .addOption(new Option("--format <format>", "default: focus-csv, or json with -o json").choices(formats))
    .option("--to <file>", "into a file")
    .action(exportUsage);
}

const ranged = (command: Command): Command =>
  command.option("--tenant <tenant>", "one tenant only").option("--month <yyyy-mm>", "another month than this one");

const query = ({ tenant, month }: Range) => ({ domain: tenant, month });

async function list(options: Output & Range): Promise<void> {
  const records = await connect().all<UsageRecord>("/api/v1/usage", query(options));
  printRows(
    options.output === "table" ? summed(records) : records,
    [
      { title: "DATABASE", value: (row) => `${row.domain}/${row.project}/${row.database}` },
      { title: "METER", value: (row) => row.meter },
      { title: "QUANTITY", value: (row) => Number(row.quantity).toLocaleString("en-US", { maximumFractionDigits: 3 }) },
      { title: "SINCE", value: (row) => row.windowStart },
    ],
    options.output,
  );
}

/** The hours of a database and meter as one row, from the first of them. */
function summed(records: readonly UsageRecord[]): UsageRecord[] {
  const groups = Map.groupBy(records, ({ domain, project, database, meter }) =>
    [domain, project, database, meter].join("/"),
  );
  return [...groups.values()].flatMap((rows) => {
    const [first] = rows.toSorted((a, b) => a.windowStart.localeCompare(b.windowStart));
    const quantity = rows.reduce((sum, row) => sum + Number(row.quantity), 0);
    return first === undefined ? [] : [{ ...first, quantity: String(quantity) }];
  });
}

/** One invoice a tenant: of the named one, else of every tenant that the caller may see. */
async function invoice(options: Output & Range): Promise<void> {
  const client = connect();
  const { month } = options;
  const tenants =
    options.tenant === undefined
      ? (await client.all<{ name: string }>("/api/v1/tenants")).map(({ name }) => name)
      : [options.tenant];
  const drafts = await Promise.all(
    tenants.map((domain) => client.get<Invoice>("/api/v1/usage/invoice", { domain, month })),
  );
  if (options.output !== "table") return printData(drafts, options.output);
  for (const draft of drafts) printInvoice(draft);
}

const formats = ["focus-csv", "focus-json", "focus-parquet", "json"] as const;

export function printInvoice(draft: Invoice): void {
  const part = draft.projects === null ? "" : ` (your projects alone: ${draft.projects.join(", ")})`;
  const what =
    draft.number === null
      ? "draft"
      : `${draft.kind === "invoice" ? "invoice" : "credit note"} ${draft.number} (${draft.status})`;
  process.stdout.write(`\n${what} for ${draft.tenant}, ${draft.period.month}${part}\n`);
  printRows(
    draft.lines,
    [
      { title: "#", value: (row) => row.position },
      { title: "DATABASE", value: (row) => (row.project === null ? null : `${row.project}/${row.database}`) },
      {
        title: "WHAT",
        value: (row) =>
          row.meter === null ? row.description : `${row.meter}${row.tier === null ? "" : ` (${row.tier})`}`,
      },
      { title: "QUANTITY", value: (row) => (row.quantity === null ? null : `${row.quantity} ${row.unit}`) },
      {
        title: "BILLED AS",
        value: (row) => (row.pricedQuantity === null ? null : `${row.pricedQuantity} ${row.pricedUnit}`),
      },
      { title: "UNIT PRICE", value: (row) => (row.pricedQuantity === null ? null : money(row.unitPrice)) },
      { title: "AMOUNT", value: (row) => money(row.price) },
    ],
    "table",
  );
  process.stdout.write(`total ${money(draft.total)}\n`);
}

export const money = ({ amount, currency }: Money): string => `${amount} ${currency}`;

type Export = Output & Range & { readonly format?: string; readonly to?: string };

async function exportUsage(options: Export): Promise<void> {
  const { output, format = output === "json" ? "json" : "focus-csv" } = options;
  if (output === "yaml" && options.format === undefined)
    throw new CommandFailure("there is no export as yaml", {
      exitCode: exitCodes.usage,
      hint: "--format focus-csv or json.",
    });
  if (format === "focus-parquet" && options.to === undefined && process.stdout.isTTY)
    throw new CommandFailure("Parquet is no text for a terminal", { exitCode: exitCodes.usage, hint: "--to FILE." });
  const asked = new URLSearchParams({ format });
  for (const [name, value] of Object.entries(query(options))) if (value !== undefined) asked.set(name, value);
  const into = options.to === undefined ? process.stdout : createWriteStream(options.to, { mode: 0o600 });
  await connect().stream(`/api/v1/usage/export?${asked}`, into);
  if (into === process.stdout) return;
  into.end();
  await finished(into);
}
