import type { Command } from "commander";
import { printData, printRows, say } from "../output.ts";
import type { Change } from "../types.ts";
import { collect, connect, type Output, withOutput } from "./shared.ts";

type Tenant = {
  readonly members: readonly {
    readonly user: string;
    readonly role: string;
    readonly projects: readonly string[] | null;
  }[];
};

/** Members stand in tenant.ts: a change is a pull request that a domain-admin merges. */
export function addMemberCommands(program: Command): void {
  const member = program.command("member").description("who belongs to a tenant; changes are pull requests");
  withOutput(member.command("list").description("members in force").argument("<tenant>")).action(list);
  withOutput(
    member
      .command("add")
      .description("make somebody a member, or change what a member may do")
      .argument("<tenant>")
      .argument("<user>", "an e-mail address, or <subject>@github"),
  )
    .requiredOption("--role <role>", "domain-admin, project-admin, developer, viewer or billing-viewer")
    .option("--project <name>", "only in this project (repeat for more)", collect)
    .option("--auto-merge", "merge when every required check passes")
    .action(add);
  withOutput(
    member.command("remove").description("end a membership, with every right").argument("<tenant>").argument("<user>"),
  )
    .option("--auto-merge", "merge when every required check passes")
    .action(remove);
}

const pathOf = (tenant: string) => `/api/v1/tenants/${encodeURIComponent(tenant)}`;

async function list(tenant: string, { output }: Output): Promise<void> {
  const { members } = await connect().get<Tenant>(pathOf(tenant));
  printRows(
    members,
    [
      { title: "MEMBER", value: (row) => row.user },
      { title: "ROLE", value: (row) => row.role },
      { title: "PROJECTS", value: (row) => row.projects?.join(" ") ?? "all" },
    ],
    output,
  );
}

type AddOptions = Output & {
  readonly role: string;
  readonly project?: readonly string[];
  readonly autoMerge?: boolean;
};

async function add(tenant: string, user: string, options: AddOptions): Promise<void> {
  const { role, project: projects, autoMerge = false } = options;
  const body = { user, role, autoMerge, ...(projects === undefined ? {} : { projects }) };
  printChange(await connect().send<Change>("POST", `${pathOf(tenant)}/members`, body), options);
}

async function remove(tenant: string, user: string, options: Output & { readonly autoMerge?: boolean }): Promise<void> {
  const path = `${pathOf(tenant)}/members/${encodeURIComponent(user)}?autoMerge=${options.autoMerge === true}`;
  printChange(await connect().send<Change>("DELETE", path), options);
}

function printChange(change: Change, { output }: Output): void {
  if (output !== "table") return printData(change, output);
  const { pull } = change;
  if (pull === null) return;
  process.stdout.write(`#${pull.number}  ${pull.title}\n`);
  say(pull.autoMerge ? "it merges by itself when its checks pass" : `merge it: nebula pr merge ${pull.number}`);
}
