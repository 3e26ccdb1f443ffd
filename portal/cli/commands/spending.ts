import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { printData, printRows, say } from "../output.ts";
import type { Change } from "../types.ts";
import { addBudgetEdits } from "./budget-edit.ts";
import { type Following, finish, mustBeMergeable, withFollowing } from "./change.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";
import { money } from "./usage.ts";

type Money = { readonly amount: string; readonly currency: string };
type Amounts = { readonly spent: Money; readonly forecast: Money | null };
export type Spending = {
  readonly tenant: string;
  readonly month: string;
  readonly total: Amounts | null;
  readonly projects: readonly (Amounts & { readonly project: string })[];
  readonly budgets: readonly (Amounts & {
    readonly project: string | null;
    readonly budget: Money;
    readonly percent: number;
    readonly state: string;
    readonly atCap: string;
  })[];
};
type Anomaly = {
  readonly tenant: string;
  readonly project: string;
  readonly day: string;
  readonly cost: Money;
  readonly usual: Money;
};
type Saving = {
  readonly tenant: string;
  readonly project: string;
  readonly database: string;
  readonly rule: string;
  readonly title: string;
  readonly why: string;
  readonly saves: Money;
};
type Hold = {
  readonly id: string;
  readonly project: string | null;
  readonly reason: string;
  readonly since: string;
  readonly liftedAt: string | null;
  readonly liftedWhy: string | null;
};
type Whose = Output & { readonly tenant?: string };

/** `budget`, `anomalies`, `savings`. */
export function addSpendingCommands(program: Command): void {
  const budget = program
    .command("budget")
    .description("what the month costs and will cost, and what it may; budgets stand in tenant.ts");
  withOutput(budget.command("show", { isDefault: true }).description("spent, foreseen and budgeted"))
    .option("--tenant <tenant>", "one tenant only")
    .action(show);
  withOutput(
    budget.command("holds").description("why databases are or were paused because of money").argument("<tenant>"),
  ).action(holds);
  withOutput(
    budget
      .command("lift")
      .description("let databases run again (platform administrators)")
      .argument("<tenant>")
      .argument("<hold>"),
  )
    .requiredOption("--reason <text>", "stands in the hold")
    .action(lift);
  addBudgetEdits(budget);
  withOutput(program.command("anomalies").description("days that cost far more than usual"))
    .option("--tenant <tenant>", "one tenant only")
    .option("--days <count>", "how far back", parsePositive, 30)
    .action(anomalies);
  const savings = program.command("savings").description("what would cost less, and the pull request that makes it so");
  withOutput(savings.command("list", { isDefault: true }).description("by how much a month, the largest first"))
    .option("--tenant <tenant>", "one tenant only")
    .action(list);
  withOutput(
    savings.command("indexes").description("indexes that a database misses; wakes it").argument("<database>"),
  ).action(indexes);
  withFollowing(
    savings
      .command("apply")
      .description("open the pull request of one")
      .argument("<database>")
      .argument("<rule>", "as `savings list` names it"),
  ).action(apply);
}

async function show({ output, tenant }: Whose): Promise<void> {
  const { items } = await connect().get<{ items: Spending[] }>("/api/v1/spending", { domain: tenant });
  if (output !== "table") return printData(items, output);
  printRows(
    items.flatMap(rowsOf),
    [
      { title: "OF", value: (row) => row.of },
      { title: "MONTH", value: (row) => row.month },
      { title: "SPENT", value: (row) => money(row.spent) },
      { title: "FORECAST", value: (row) => (row.forecast === null ? null : money(row.forecast)) },
      { title: "BUDGET", value: (row) => (row.budget === null ? null : money(row.budget)) },
      { title: "USED", value: (row) => (row.percent === null ? null : `${row.percent} %`) },
      { title: "AT 100 %", value: (row) => row.atCap },
    ],
    output,
  );
}

/** The tenant, its projects, and beside each the budget that it has; a budget of what cost nothing yet stands alone. */
export function rowsOf({ tenant, month, total, projects, budgets }: Spending) {
  const places = [
    ...(total === null ? [] : [{ project: null, ...total }]),
    ...projects,
    ...budgets.filter(({ project }) => project !== null && !projects.some((one) => one.project === project)),
  ];
  return places.map(({ project, spent, forecast }) => {
    const found = budgets.find((one) => one.project === project);
    return {
      ...{ of: project === null ? tenant : `${tenant}/${project}`, month, spent, forecast },
      ...{ budget: found?.budget ?? null, percent: found?.percent ?? null, atCap: found?.atCap ?? null },
    };
  });
}

const pathOf = (tenant: string): string => `/api/v1/tenants/${encodeURIComponent(tenant)}`;

async function holds(tenant: string, { output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Hold[] }>(`${pathOf(tenant)}/holds`);
  printRows(
    items,
    [
      { title: "HOLD", value: (row) => row.id },
      { title: "PROJECT", value: (row) => row.project ?? "all" },
      { title: "REASON", value: (row) => row.reason },
      { title: "SINCE", value: (row) => row.since },
      { title: "LIFTED", value: (row) => row.liftedAt },
      { title: "WHY", value: (row) => row.liftedWhy },
    ],
    output,
  );
}

async function lift(
  tenant: string,
  hold: string,
  { output, reason }: Output & { readonly reason: string },
): Promise<void> {
  const lifted = await connect().send<Hold>("POST", `${pathOf(tenant)}/holds/lift`, { hold, reason });
  if (output === "table") say(`lifted ${lifted.id}; what it paused starts within seconds`);
  else printData(lifted, output);
}

async function anomalies({ output, tenant, days }: Whose & { readonly days: number }): Promise<void> {
  const { items } = await connect().get<{ items: Anomaly[] }>("/api/v1/anomalies", {
    domain: tenant,
    days: String(days),
  });
  printRows(
    items,
    [
      { title: "DAY", value: (row) => row.day },
      { title: "PROJECT", value: (row) => `${row.tenant}/${row.project}` },
      { title: "COST", value: (row) => money(row.cost) },
      { title: "USUALLY", value: (row) => money(row.usual) },
    ],
    output,
  );
}

async function list({ output, tenant }: Whose): Promise<void> {
  const { items } = await connect().get<{ items: Saving[] }>("/api/v1/savings", { domain: tenant });
  printRows(
    items,
    [
      { title: "DATABASE", value: (row) => `${row.tenant}/${row.project}/${row.database}` },
      { title: "RULE", value: (row) => row.rule },
      { title: "SAVES A MONTH", value: (row) => money(row.saves) },
      { title: "WHY", value: (row) => row.why },
    ],
    output,
  );
  if (output === "table" && items.length > 0) say("\nnebula savings apply DATABASE RULE opens the pull request of one");
}

type Missing = { readonly object: string; readonly constraint: string; readonly sql: string };

async function indexes(database: string, { output }: Output): Promise<void> {
  const client = connect();
  const path = `${databasePath(await resolveDatabase(client, database))}/savings`;
  const found = await client.get<{ computeCost: Money | null; missing: Missing[] }>(path);
  if (output !== "table") return printData(found, output);
  printRows(
    found.missing,
    [
      { title: "TABLE", value: (row) => row.object },
      { title: "FOREIGN KEY", value: (row) => row.constraint },
      { title: "SQL", value: (row) => row.sql },
    ],
    output,
  );
  if (found.computeCost !== null) say(`\nits compute costs ${money(found.computeCost)} a month`);
}

async function apply(database: string, rule: string, options: Following): Promise<void> {
  mustBeMergeable(options);
  const client = connect();
  const path = `${databasePath(await resolveDatabase(client, database))}/savings/${encodeURIComponent(rule)}`;
  await finish(client, await client.send<Change>("POST", path, { autoMerge: options.autoMerge === true }), options);
}
