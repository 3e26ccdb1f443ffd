import type { Command } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printRecord, printRows, say } from "../output.ts";
import { collect, connect, type Output, withOutput } from "./shared.ts";

type ServiceAccount = {
  readonly name: string;
  readonly grants: readonly { readonly role: string; readonly project: string | null }[];
  readonly createdBy: string;
  readonly createdAt: string;
};

export function addServiceAccountCommands(program: Command): void {
  const account = program.command("service-account").description("a tenant's programs: accounts that are nobody");
  withOutput(account.command("list").description("those of a tenant").argument("<tenant>")).action(list);
  withOutput(
    account
      .command("create")
      .description("make one; its keys are made with `nebula key create --service-account`")
      .argument("<tenant/name>"),
  )
    .requiredOption("--role <role[@project]>", "what it may do, and where (repeat for more)", collect)
    .action(create);
  account.command("delete").description("delete one, with all its keys").argument("<tenant/name>").action(remove);
}

const pathOf = (tenant: string) => `/api/v1/tenants/${encodeURIComponent(tenant)}/service-accounts`;

function split(text: string): { readonly tenant: string; readonly name: string } {
  const [tenant = "", name = "", ...rest] = text.split("/");
  if (tenant === "" || name === "" || rest.length > 0)
    throw new CommandFailure(`"${text}" is not tenant/name`, { exitCode: exitCodes.usage });
  return { tenant, name };
}

async function list(tenant: string, { output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: ServiceAccount[] }>(pathOf(tenant));
  printRows(
    items,
    [
      { title: "SERVICE ACCOUNT", value: (row) => `${tenant}/${row.name}` },
      { title: "ROLES", value: (row) => row.grants.map(({ role, project }) => `${role}@${project ?? "*"}`).join(" ") },
      { title: "BY", value: (row) => row.createdBy },
      { title: "SINCE", value: (row) => row.createdAt },
    ],
    output,
  );
}

async function create(text: string, { role, output }: Output & { readonly role: readonly string[] }): Promise<void> {
  const { tenant, name } = split(text);
  const grants = role.map((each) => {
    const [named = "", project] = each.split("@");
    return { role: named, project: project === undefined || project === "*" ? null : project };
  });
  printRecord(await connect().send<ServiceAccount>("POST", pathOf(tenant), { name, grants }), output);
}

async function remove(text: string): Promise<void> {
  const { tenant, name } = split(text);
  await connect().send("DELETE", `${pathOf(tenant)}/${encodeURIComponent(name)}`);
  say(`deleted ${text} and its keys`);
}
