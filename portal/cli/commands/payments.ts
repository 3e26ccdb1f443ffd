import type { Command } from "commander";
import { printData, printRows, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Problem = { readonly code: string; readonly message: string };
type Payments = {
  readonly standing: string;
  readonly since: string | null;
  readonly service: boolean;
  readonly invoices: readonly {
    readonly invoice: string;
    readonly remote: string | null;
    readonly state: string;
    readonly payUrl: string | null;
    readonly failures: number;
    readonly problem: Problem | null;
  }[];
};
type Check = {
  readonly service: boolean;
  readonly comparedAt: string | null;
  readonly compared: number;
  readonly differences: readonly {
    readonly invoice: string;
    readonly number: string | null;
    readonly what: string;
    readonly ours: string | null;
    readonly theirs: string | null;
  }[];
  readonly problems: readonly { readonly number: string; readonly tenant: string; readonly problem: Problem }[];
};

export function addPaymentCommands(program: Command): void {
  const payments = program.command("payments").description("invoices with the payment service, and what is owed");
  withOutput(
    payments
      .command("show", { isDefault: true })
      .description("how a tenant stands, and where it pays")
      .argument("<tenant>"),
  ).action(show);
  withOutput(
    payments
      .command("portal")
      .description("a page for its cards and invoices, good for some minutes")
      .argument("<tenant>"),
  ).action(portal);
  withOutput(
    payments
      .command("check")
      .description("our invoices against the service's, as last compared (platform administrators)"),
  ).action(check);
  withOutput(
    payments.command("problems").description("invoices that stand still there, and why (platform administrators)"),
  ).action(problems);
}

const pathOf = (tenant: string): string => `/api/v1/tenants/${encodeURIComponent(tenant)}/payments`;

async function show(tenant: string, { output }: Output): Promise<void> {
  const found = await connect().get<Payments>(pathOf(tenant));
  if (output !== "table") return printData(found, output);
  printRows(
    found.invoices,
    [
      { title: "INVOICE", value: (row) => row.invoice },
      { title: "STATE", value: (row) => row.state },
      { title: "FAILED", value: (row) => row.failures },
      { title: "PAY AT", value: (row) => row.payUrl },
      {
        title: "PROBLEM",
        value: (row) => (row.problem === null ? null : `${row.problem.code} ${row.problem.message}`),
      },
    ],
    output,
  );
  say(`\n${tenant} is ${found.standing}${found.since === null ? "" : ` since ${found.since}`}`);
}

async function portal(tenant: string, { output }: Output): Promise<void> {
  const { url } = await connect().send<{ url: string }>("POST", `${pathOf(tenant)}/portal`);
  if (output === "table") process.stdout.write(`${url}\n`);
  else printData({ url }, output);
}

async function check({ output }: Output): Promise<void> {
  const found = await connect().get<Check>("/api/v1/payments");
  if (output !== "table") return printData(found, output);
  printRows(
    found.differences,
    [
      { title: "INVOICE", value: (row) => row.number ?? row.invoice },
      { title: "WHAT", value: (row) => row.what },
      { title: "OURS", value: (row) => row.ours },
      { title: "THEIRS", value: (row) => row.theirs },
    ],
    output,
  );
  say(found.comparedAt === null ? "\nnothing was compared yet" : `\n${found.compared} compared at ${found.comparedAt}`);
}

async function problems({ output }: Output): Promise<void> {
  const { problems: rows } = await connect().get<Check>("/api/v1/payments");
  printRows(
    rows,
    [
      { title: "INVOICE", value: (row) => row.number },
      { title: "TENANT", value: (row) => row.tenant },
      { title: "CODE", value: (row) => row.problem.code },
      { title: "WHY", value: (row) => row.problem.message },
    ],
    output,
  );
}
