import type { Command } from "commander";
import { printRows, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Channel = {
  readonly id: string;
  readonly kind: string;
  readonly to: string;
  readonly about: readonly string[];
  readonly projects: readonly string[] | null;
};
type Notification = {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly at: string;
  readonly messages: readonly {
    readonly channel: string;
    readonly state: string;
    readonly attempts: number;
    readonly error: string | null;
  }[];
};

/** Who is told stands in tenant.ts (`notify`): a change is a pull request. */
export function addNotifyCommands(program: Command): void {
  const notify = program.command("notify").description("who is told of what; declared in tenant.ts");
  withOutput(notify.command("list", { isDefault: true }).description("channels in force").argument("<tenant>")).action(
    list,
  );
  withOutput(notify.command("log").description("what was told, and what became of it").argument("<tenant>"))
    .option("--state <state>", "waiting, delivered, dead or dropped")
    .action(log);
  notify
    .command("test")
    .description("send a test to one channel")
    .argument("<tenant>")
    .argument("<channel>")
    .action(test);
  notify
    .command("replay")
    .description("send what is dead once more")
    .argument("<tenant>")
    .argument("[notification]", "one of them; default: all")
    .action(replay);
}

const pathOf = (tenant: string): string => `/api/v1/tenants/${encodeURIComponent(tenant)}`;

async function list(tenant: string, { output }: Output): Promise<void> {
  const { items } = await connect().get<{ items: Channel[] }>(`${pathOf(tenant)}/channels`);
  printRows(
    items,
    [
      { title: "CHANNEL", value: (row) => row.id },
      { title: "KIND", value: (row) => row.kind },
      { title: "TO", value: (row) => row.to },
      { title: "ABOUT", value: (row) => row.about.join(" ") },
      { title: "PROJECTS", value: (row) => row.projects?.join(" ") ?? "all" },
    ],
    output,
  );
}

async function log(tenant: string, { output, state }: Output & { readonly state?: string }): Promise<void> {
  const rows = await connect().all<Notification>(`${pathOf(tenant)}/notifications`, { state });
  printRows(
    rows,
    [
      { title: "AT", value: (row) => row.at },
      { title: "NOTIFICATION", value: (row) => row.id },
      { title: "TITLE", value: (row) => row.title },
      { title: "TOLD", value: (row) => row.messages.map((one) => `${one.channel} ${one.state}`).join(", ") },
    ],
    output,
  );
}

async function test(tenant: string, channel: string): Promise<void> {
  await connect().send("POST", `${pathOf(tenant)}/channels/${encodeURIComponent(channel)}/test`);
  say(`on its way; nebula notify log ${tenant} shows what became of it`);
}

async function replay(tenant: string, notification: string | undefined): Promise<void> {
  const body = { notification: notification ?? null };
  const { replayed } = await connect().send<{ replayed: number }>(
    "POST",
    `${pathOf(tenant)}/notifications/replay`,
    body,
  );
  say(`${replayed} ${replayed === 1 ? "message is" : "messages are"} due again`);
}
