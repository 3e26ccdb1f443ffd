import type { Command } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printRows, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

/** Values come by standard input, so that they stand in no shell history and no process list. */
export function addSecretCommands(program: Command): void {
  const secret = program.command("secret").description("a tenant's own passwords, which declarations refer to by name");
  withOutput(secret.command("list").description("names, never values").argument("<tenant>")).action(list);
  secret
    .command("set")
    .description("set one; the value comes from standard input")
    .argument("<tenant/name>")
    .action(set);
  secret.command("delete").description("delete one").argument("<tenant/name>").action(remove);
}

const pathOf = (tenant: string) => `/api/v1/tenants/${encodeURIComponent(tenant)}/secrets`;

function split(text: string): { readonly tenant: string; readonly name: string } {
  const [tenant = "", name = "", ...rest] = text.split("/");
  if (tenant === "" || name === "" || rest.length > 0)
    throw new CommandFailure(`"${text}" is not tenant/name`, { exitCode: exitCodes.usage });
  return { tenant, name };
}

async function list(tenant: string, { output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: { name: string; createdAt: string }[] }>(pathOf(tenant));
  printRows(
    items,
    [
      { title: "SECRET", value: (row) => `${tenant}/${row.name}` },
      { title: "SINCE", value: (row) => row.createdAt },
    ],
    output,
  );
}

async function set(text: string): Promise<void> {
  const { tenant, name } = split(text);
  let value = "";
  for await (const chunk of process.stdin) value += String(chunk);
  await connect().send("POST", pathOf(tenant), { name, value: value.replace(/\n$/, "") });
  const named = `secret("${name}")`;
  say(`kept; declare it where it is used, for example as\n${declaredAs(named).join("\n")}`);
}

/** The two places that people ask for: a declaration takes a secret of the tenant by name, never its value. */
export const declaredAs = (named: string): readonly string[] => [
  `  password: ${named}                     the owner's password`,
  `  api: { jwt: [{ secret: ${named} }] }   what signs the tokens of a data API's users (HS256, 32 bytes or more)`,
];

async function remove(text: string): Promise<void> {
  const { tenant, name } = split(text);
  await connect().send("DELETE", `${pathOf(tenant)}/${encodeURIComponent(name)}`);
  say(`deleted ${text}`);
}
