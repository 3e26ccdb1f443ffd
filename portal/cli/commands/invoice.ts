import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { type Command, Option } from "commander";
import type { Client } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, printRows, say } from "../output.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";
import { type Invoice, money, printInvoice } from "./usage.ts";

type Issued = Invoice & {
  readonly number: string;
  readonly status: string;
  readonly kind: string;
  readonly issuedAt: string;
  readonly dueAt: string;
};
type Credit = {
  readonly id: string;
  readonly amount: { readonly amount: string; readonly currency: string };
  readonly remaining: { readonly amount: string; readonly currency: string };
  readonly reason: string;
  readonly grantedAt: string;
  readonly expiresAt: string | null;
};
type Month = { readonly tenant: string; readonly month: string };

export function addInvoiceCommands(program: Command): void {
  const invoice = program.command("invoice").description("what was billed: invoices, credit notes, credits");
  withOutput(invoice.command("list", { isDefault: true }).description("issued ones, newest first"))
    .option("--tenant <tenant>", "one tenant only")
    .option("--month <yyyy-mm>", "one month only")
    .addOption(new Option("--status <status>", "in one state only").choices(["open", "paid", "void"]))
    .action(list);
  withOutput(invoice.command("show").description("one, line by line").argument("<number>")).action(show);
  withOutput(invoice.command("problems").description("months that could not be closed, and why")).action(problems);
  invoice
    .command("download")
    .description("the document, into a file")
    .argument("<number>")
    .addOption(new Option("--format <format>", "").choices(["pdf", "html"]).default("pdf"))
    .option("--to <file>", "default: <number>.<format>")
    .action(download);
  withOutput(invoice.command("close").description("close a month of a tenant now (platform administrators)"))
    .requiredOption("--tenant <tenant>", "whose")
    .requiredOption("--month <yyyy-mm>", "which; its hours are final three days after its end")
    .action(close);
  withOutput(
    invoice
      .command("void")
      .description("reverse one by a credit note; its month can be closed again")
      .argument("<number>"),
  )
    .requiredOption("--reason <text>", "stands on the credit note")
    .action(reverse);
  withOutput(invoice.command("pay").description("note that one was paid, whole").argument("<number>"))
    .requiredOption("--reference <text>", "of the payment; the same again changes nothing")
    .requiredOption("--amount <amount>", "what was paid, as the invoice says")
    .action(pay);
  const credit = invoice.command("credit").description("money to a tenant's good, used up by its next invoices");
  withOutput(credit.command("list", { isDefault: true }).description("a tenant's"))
    .requiredOption("--tenant <tenant>", "whose")
    .action(credits);
  withOutput(credit.command("grant").description("grant one (platform administrators)").argument("<amount>"))
    .requiredOption("--tenant <tenant>", "to whom")
    .requiredOption("--reason <text>", "stands on the invoices that use it")
    .option("--expires <time>", "RFC 3339")
    .action(grant);
  withOutput(
    program
      .command("explain-bill")
      .description("where a line of an invoice comes from: usage, samples, operation, commit, pull request, author")
      .argument("<number>", "of the invoice")
      .argument("[line]", "its position; default: all of them, in short", parsePositive),
  ).action(explain);
}

async function list({
  output,
  ...query
}: Output & { tenant?: string; month?: string; status?: string }): Promise<void> {
  const { tenant: domain, month, status } = query;
  printRows(
    await connect().all<Issued>("/api/v1/invoices", { domain, month, status }),
    [
      { title: "NUMBER", value: (row) => row.number },
      { title: "TENANT", value: (row) => row.tenant },
      { title: "MONTH", value: (row) => row.period.month },
      { title: "STATUS", value: (row) => row.status },
      { title: "TOTAL", value: (row) => money(row.total) },
      { title: "ISSUED", value: (row) => row.issuedAt.slice(0, 10) },
      { title: "DUE", value: (row) => (row.status === "open" ? row.dueAt.slice(0, 10) : null) },
    ],
    output,
  );
}

async function show(number: string, { output }: Output): Promise<void> {
  const found = await find(connect(), number);
  if (output === "table") printInvoice(found);
  else printData(found, output);
}

type Problem = { readonly tenant: string; readonly month: string; readonly code: string; readonly message: string };

async function problems({ output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Problem[] }>("/api/v1/invoices/problems");
  printRows(
    items,
    [
      { title: "TENANT", value: (row) => row.tenant },
      { title: "MONTH", value: (row) => row.month },
      { title: "CODE", value: (row) => row.code },
      { title: "WHY", value: (row) => row.message },
    ],
    output,
  );
}

/** By its number alone: whose it is, the list says. */
async function find(client: Client, number: string): Promise<Issued> {
  const [found] = await client.all<Issued>("/api/v1/invoices", { number: number.toUpperCase() });
  if (found === undefined)
    throw new CommandFailure(`there is no invoice ${number} that you may see`, {
      exitCode: exitCodes.notFound,
      hint: "`nebula invoice list` shows those there are.",
    });
  return found;
}

const pathOf = ({ tenant, number }: Issued): string => `/api/v1/tenants/${tenant}/invoices/${number}`;

type Download = { readonly format: string; readonly to?: string };

async function download(number: string, { format, to }: Download): Promise<void> {
  const client = connect();
  const found = await find(client, number);
  const file = to ?? `${found.number}.${format}`;
  const into = createWriteStream(file, { mode: 0o600 });
  await client.stream(`${pathOf(found)}/document?format=${format}`, into);
  into.end();
  await finished(into);
  say(`wrote ${file}`);
}

async function close({ output, tenant, month }: Output & Month): Promise<void> {
  const made = await connect().send<Issued>("POST", `/api/v1/tenants/${tenant}/invoices`, { month });
  if (output === "table") printInvoice(made);
  else printData(made, output);
}

async function reverse(number: string, { output, reason }: Output & { readonly reason: string }): Promise<void> {
  const client = connect();
  const note = await client.send<Issued>("POST", `${pathOf(await find(client, number))}/void`, { reason });
  if (output !== "table") return printData(note, output);
  printInvoice(note);
  say(
    `${note.period.month} of ${note.tenant} is open again: nebula invoice close --tenant ${note.tenant} --month ${note.period.month}`,
  );
}

type Pay = Output & { readonly reference: string; readonly amount: string };

async function pay(number: string, { output, reference, amount }: Pay): Promise<void> {
  const client = connect();
  const found = await find(client, number);
  const { currency } = found.total;
  const paid = await client.send<Issued>("POST", `${pathOf(found)}/payments`, { reference, amount, currency });
  if (output === "table") say(`${paid.number} is ${paid.status}`);
  else printData(paid, output);
}

async function credits({ output, tenant }: Output & { readonly tenant: string }): Promise<void> {
  const { items } = await connect().get<{ items: Credit[] }>(`/api/v1/tenants/${tenant}/credits`);
  printRows(
    items,
    [
      { title: "CREDIT", value: (row) => row.id },
      { title: "AMOUNT", value: (row) => money(row.amount) },
      { title: "LEFT", value: (row) => money(row.remaining) },
      { title: "REASON", value: (row) => row.reason },
      { title: "GRANTED", value: (row) => row.grantedAt.slice(0, 10) },
      { title: "EXPIRES", value: (row) => row.expiresAt?.slice(0, 10) ?? null },
    ],
    output,
  );
}

type Grant = Output & { readonly tenant: string; readonly reason: string; readonly expires?: string };

async function grant(amount: string, { output, tenant, reason, expires }: Grant): Promise<void> {
  const body = { amount, reason, ...(expires === undefined ? {} : { expiresAt: expires }) };
  const made = await connect().send<Credit>("POST", `/api/v1/tenants/${tenant}/credits`, body);
  if (output === "table") say(`granted ${money(made.amount)} to ${tenant}: ${made.id}`);
  else printData(made, output);
}

async function explain(number: string, line: number | undefined, { output }: Output): Promise<void> {
  const client = connect();
  const found = await find(client, number);
  if (line === undefined) {
    if (output !== "table") return printData(found, output);
    printInvoice(found);
    return say(`\nnebula explain-bill ${found.number} LINE follows one of them`);
  }
  const chain = await client.get<Chain>(`${pathOf(found)}/lines/${line}`);
  if (output === "table") for (const text of describeChain(chain)) process.stdout.write(`${text}\n`);
  else printData(chain, output);
}

export type Chain = {
  readonly invoice: {
    readonly number: string;
    readonly tenant: string;
    readonly month: string;
    readonly priceBook: string;
    readonly priceCommit: string;
  };
  readonly line: Invoice["lines"][number];
  readonly usage: readonly {
    readonly windowStart: string;
    readonly windowEnd: string;
    readonly quantity: string;
    readonly revision: number;
  }[];
  readonly usedQuantity: string | null;
  readonly samples: { readonly kept: number; readonly from: string | null; readonly to: string | null };
  readonly causes: readonly {
    readonly commit: string;
    readonly operation: string | null;
    readonly type: string | null;
    readonly requestedBy: string | null;
    readonly pull: { readonly number: number; readonly author: string; readonly mergedAt: string | null } | null;
  }[];
};

/** From the amount back to who asked for it, one step a line. */
export function describeChain({ invoice, line, usage, usedQuantity, samples, causes }: Chain): string[] {
  const [first, last] = [usage[0], usage.at(-1)];
  const rate =
    line.pricedQuantity === null
      ? ""
      : ` = ${line.pricedQuantity} ${line.pricedUnit}s at ${money(line.unitPrice)}${line.tier === null ? "" : ` (${line.tier})`}`;
  return [
    `line      ${invoice.number}/${line.position}: ${line.description}`,
    `amount    ${money(line.price)}${rate}`,
    `prices    ${invoice.priceBook}, commit ${invoice.priceCommit.slice(0, 7)}`,
    ...(first === undefined || last === undefined
      ? []
      : [
          `usage     ${usedQuantity} ${line.unit} in ${usage.length} hours, ${first.windowStart} to ${last.windowEnd}`,
          samples.kept === 0
            ? "samples   forgotten: they are kept for seven days after their hours are final"
            : `samples   ${samples.kept} still kept, ${samples.from} to ${samples.to}`,
        ]),
    ...causes.flatMap(({ commit, operation, type, requestedBy, pull }) => [
      `commit    ${commit.slice(0, 12)}`,
      operation === null
        ? "operation none that is still known"
        : `operation ${operation} (${type}), asked for by ${requestedBy}`,
      pull === null
        ? "pull      none: the commit came without one"
        : `pull      #${pull.number} by ${pull.author}${pull.mergedAt === null ? "" : `, merged ${pull.mergedAt}`}`,
    ]),
  ];
}
