import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { CommandFailure, exitCodes } from "../failure.ts";
import { printData, printRows, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

type Taken = {
  readonly accepted: number;
  readonly duplicates: number;
  readonly refused: readonly {
    readonly index: number;
    readonly id: string | null;
    readonly code: string;
    readonly reason: string;
  }[];
};

type CloudEvent = {
  readonly sequence: string;
  readonly subject: string;
  readonly time: string;
  readonly data: {
    readonly meter: string;
    readonly from: string;
    readonly quantity: string;
    readonly revision: number;
    readonly reason: string | null;
  };
};

type Gap = {
  readonly domain: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string | null;
  readonly from: string;
  readonly to: string | null;
  readonly reason: string;
  readonly billed: boolean;
};

type Total = {
  readonly domain: string;
  readonly project: string;
  readonly database: string;
  readonly meter: string;
  readonly windowStart: string;
  readonly quantity: string;
};

/** What stands under `usage` for whoever follows a number back, or brings one in. */
export function addMeteringCommands(usage: Command): void {
  withOutput(usage.command("totals").description("usage by day or month (UTC)"))
    .addOption(new Option("--per <unit>", "day or month").choices(["day", "month"]).default("day"))
    .option("--tenant <tenant>", "one tenant only")
    .option("--from <time>", "default: start of this month")
    .option("--to <time>", "default: now")
    .action(totals);
  withOutput(usage.command("records").description("records in the order in which they were written, corrections too"))
    .option("--tenant <tenant>", "one tenant only")
    .option("--after <sequence>", "what follows this one", "0")
    .option("--limit <n>", "at most so many", "100")
    .action(records);
  withOutput(usage.command("gaps").description("when nobody looked at a database, and what became of that time"))
    .option("--tenant <tenant>", "one tenant only")
    .option("--month <yyyy-mm>", "another month than this one")
    .action(gaps);
  withOutput(usage.command("report").description("send usage that was measured elsewhere, as CloudEvents"))
    .argument("<file>", "a list of events as JSON, or one a line; - for standard input")
    .action(report);
}

type Whose = Output & { readonly tenant?: string };

type Span = Whose & { readonly per: string; readonly from?: string; readonly to?: string };

async function totals({ tenant, per, from, to, output }: Span) {
  const rows = await connect().all<Total>("/api/v1/usage/totals", { domain: tenant, per, from, to, limit: 200 });
  printRows(
    rows,
    [
      { title: per.toUpperCase(), value: (row) => row.windowStart.slice(0, per === "day" ? 10 : 7) },
      { title: "DATABASE", value: (row) => `${row.domain}/${row.project}/${row.database}` },
      { title: "METER", value: (row) => row.meter },
      { title: "QUANTITY", value: (row) => row.quantity },
    ],
    output,
  );
}

async function records({ tenant, after, limit, output }: Whose & { readonly after: string; readonly limit: string }) {
  const events = await connect().get<CloudEvent[]>("/api/v1/usage/events", { domain: tenant, after, limit });
  printRows(
    events,
    [
      { title: "SEQUENCE", value: (row) => row.sequence },
      { title: "DATABASE", value: (row) => row.subject },
      { title: "METER", value: (row) => row.data.meter },
      { title: "HOUR", value: (row) => row.data.from },
      { title: "REVISION", value: (row) => row.data.revision },
      { title: "QUANTITY", value: (row) => row.data.quantity },
      { title: "REASON", value: (row) => row.data.reason },
    ],
    output,
  );
}

async function gaps({ tenant, month, output }: Whose & { readonly month?: string }) {
  const { items, more } = await connect().get<{ items: Gap[]; more: boolean }>("/api/v1/usage/gaps", {
    ...{ domain: tenant, month },
    limit: 1000,
  });
  printRows(
    items,
    [
      { title: "DATABASE", value: (row) => `${row.domain}/${row.project}/${row.database}` },
      { title: "METER", value: (row) => row.meter ?? "all that is sampled" },
      { title: "NO SAMPLE FROM", value: (row) => row.from },
      { title: "TO", value: (row) => row.to ?? "now" },
      { title: "WHY", value: (row) => row.reason },
      { title: "BILLED", value: (row) => (row.billed ? "yes" : "no") },
    ],
    output,
  );
  if (more) say("there are older ones: --month");
}

/** What the portal takes at once: 1,000 events, 256 KiB. */
const mostEvents = 1_000;
const mostBytes = 200 * 1024;

async function report(file: string, { output }: Output) {
  const events = parse(file === "-" ? await text(process.stdin) : readFileSync(file, "utf8"));
  const client = connect();
  const sum = { accepted: 0, duplicates: 0, refused: [] as Taken["refused"][number][] };
  let at = 0;
  for (const batch of batchesOf(events)) {
    const taken = await client.send<Taken>("POST", "/api/v1/usage/events", batch, {
      "content-type": "application/cloudevents-batch+json",
    });
    sum.accepted += taken.accepted;
    sum.duplicates += taken.duplicates;
    for (const each of taken.refused) sum.refused.push({ ...each, index: each.index + at });
    at += batch.length;
  }
  if (output === "table") process.stdout.write(`${sum.accepted} accepted, ${sum.duplicates} known already\n`);
  else printData(sum, output);
  if (sum.refused.length === 0) return;
  const [first] = sum.refused;
  for (const each of sum.refused)
    say(`event ${each.index}${each.id === null ? "" : ` (${each.id})`}: ${each.code} ${each.reason}`);
  throw new CommandFailure(`${sum.refused.length} of ${events.length} events were refused`, {
    exitCode: exitCodes.error,
    hint: `docs/errors.md has ${first?.code}; the others were taken, and sending them again does no harm.`,
  });
}

function* batchesOf(events: readonly unknown[]): Generator<readonly unknown[]> {
  let batch: unknown[] = [];
  let bytes = 0;
  for (const event of events) {
    const more = Buffer.byteLength(JSON.stringify(event)) + 1;
    if (batch.length === mostEvents || (batch.length > 0 && bytes + more > mostBytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(event);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

/** A list, one event, or an event a line. */
function parse(input: string): unknown[] {
  try {
    const whole: unknown = JSON.parse(input);
    return Array.isArray(whole) ? whole : [whole];
  } catch {
    return input
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map(parseLine);
  }
}

function parseLine(line: string, i: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new CommandFailure(`line ${i + 1} is no JSON`, {
      exitCode: exitCodes.usage,
      hint: "A list of CloudEvents, or one a line.",
    });
  }
}
