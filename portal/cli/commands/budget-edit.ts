import { type Command, InvalidArgumentError, Option } from "commander";
import type { Change } from "../types.ts";
import { dropUndefined, type Following, finish, mustBeMergeable, withFollowing } from "./change.ts";
import { connect } from "./shared.ts";

type Whose = Following & { readonly project?: string };
type Wanted = Whose & { readonly alerts?: readonly number[]; readonly atCap?: string };

/** `budget set`, `budget remove`: pull requests that change tenant.ts. */
export function addBudgetEdits(budget: Command): void {
  withFollowing(
    budget
      .command("set")
      .description("open a pull request that says what a month may cost")
      .argument("<tenant>")
      .argument("<monthly>", "in the currency of the price book, before credits and tax"),
  )
    .option("--project <name>", "of one project; default: the whole tenant")
    .option("--alerts <percents>", "when somebody is told, for example 50,80,100", parsePercents)
    .addOption(new Option("--at-cap <what>", "what happens at 100 percent").choices(["tell", "suspend"]))
    .action(set);
  withFollowing(budget.command("remove").description("open a pull request that removes a budget").argument("<tenant>"))
    .option("--project <name>", "of one project; default: the whole tenant's")
    .action(remove);
}

const pathOf = (tenant: string): string => `/api/v1/tenants/${encodeURIComponent(tenant)}/budgets`;

function parsePercents(text: string): number[] {
  const percents = text.split(",").map(Number);
  if (percents.some((percent) => !Number.isInteger(percent) || percent < 1))
    throw new InvalidArgumentError("must be whole numbers above 0, for example 50,80,100");
  return percents;
}

async function set(tenant: string, monthly: string, options: Wanted): Promise<void> {
  mustBeMergeable(options);
  const { project, alerts, atCap, autoMerge = false } = options;
  const client = connect();
  const body = dropUndefined({ project, monthly, alerts, atCap, autoMerge });
  await finish(client, await client.send<Change>("POST", pathOf(tenant), body), options);
}

async function remove(tenant: string, options: Whose): Promise<void> {
  mustBeMergeable(options);
  const client = connect();
  const query = new URLSearchParams({
    ...(options.project === undefined ? {} : { project: options.project }),
    ...(options.autoMerge === true ? { autoMerge: "true" } : {}),
  });
  await finish(client, await client.send<Change>("DELETE", `${pathOf(tenant)}?${query}`), options);
}
