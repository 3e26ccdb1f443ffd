import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { printData, printRows, say } from "../output.ts";
import { connect, type Output, parsePositive, withOutput } from "./shared.ts";

type Webhook = {
  readonly id: string;
  readonly table: string;
  readonly events: readonly string[];
  readonly url: string;
  readonly waiting: number;
  readonly delivered: number;
  readonly dead: number;
};
type Delivery = {
  readonly webhook: string;
  readonly seq: string;
  readonly event: string;
  readonly key: Readonly<Record<string, unknown>> | null;
  readonly at: string;
  readonly state: string;
  readonly attempts: number;
  readonly status: number | null;
  readonly error: string | null;
};
type Filter = Output & { readonly webhook?: string; readonly state?: string; readonly limit: number };

/** `webhook list`, `webhook deliveries`, `webhook replay`. */
export function addWebhookCommands(program: Command): void {
  const webhook = program.command("webhook").description("who is told of changed rows of a database");
  withOutput(
    webhook.command("list").description("receivers, and how many messages wait").argument("<database>"),
  ).action(list);
  withOutput(webhook.command("deliveries").description("messages, newest first").argument("<database>"))
    .option("--webhook <id>", "of one receiver")
    .option("--state <state>", "waiting, delivered, dead or dropped")
    .option("--limit <count>", "how many", parsePositive, 50)
    .action(deliveries);
  webhook
    .command("replay")
    .description("send what is dead again, or the messages about the given changes")
    .argument("<database>")
    .argument("<webhook>")
    .argument("[numbers...]", "of changes, as `deliveries` shows them")
    .action(replay);
}

async function list(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const found = await client.get<{ webhooks: Webhook[] }>(`${path}/webhooks`);
  if (output !== "table") return printData(found, output);
  printRows(
    found.webhooks,
    [
      { title: "WEBHOOK", value: ({ id }) => id },
      { title: "TABLE", value: ({ table }) => table },
      { title: "EVENTS", value: ({ events }) => events.join(",") },
      { title: "URL", value: ({ url }) => url },
      { title: "WAITING", value: ({ waiting }) => String(waiting) },
      { title: "DELIVERED", value: ({ delivered }) => String(delivered) },
      { title: "DEAD", value: ({ dead }) => String(dead) },
    ],
    output,
  );
}

async function deliveries(text: string, { output, webhook, state, limit }: Filter): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const found = await client.get<{ deliveries: Delivery[] }>(`${path}/webhooks/deliveries`, { webhook, state, limit });
  if (output !== "table") return printData(found, output);
  printRows(
    found.deliveries,
    [
      { title: "NUMBER", value: ({ seq }) => seq },
      { title: "WEBHOOK", value: (row) => row.webhook },
      { title: "EVENT", value: ({ event }) => event },
      { title: "KEY", value: ({ key }) => (key === null ? "" : JSON.stringify(key)) },
      { title: "AT", value: ({ at }) => at },
      { title: "STATE", value: (row) => row.state },
      { title: "TRIES", value: ({ attempts }) => String(attempts) },
      { title: "ANSWER", value: ({ status, error }) => error ?? (status === null ? "" : String(status)) },
    ],
    output,
  );
}

async function replay(text: string, webhook: string, numbers: readonly string[]): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const body = { webhook, numbers: numbers.length === 0 ? null : numbers };
  const { replayed } = await client.send<{ replayed: number }>("POST", `${path}/webhooks/replay`, body);
  say(`${replayed} messages are sent again`);
}
