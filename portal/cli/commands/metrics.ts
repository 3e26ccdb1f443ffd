import type { Command } from "commander";
import { databasePath, resolveDatabase } from "../address.ts";
import { type Column, printData, printRows, say } from "../output.ts";
import { connect, type Output, withOutput } from "./shared.ts";

/** As the API says it (`databases.figures`). */
type Figures = {
  readonly state: string;
  readonly sampledAt: string | null;
  readonly layer: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly rates: Readonly<Record<string, number>>;
};

type Row = { readonly name: string; readonly value: number; readonly rate: number | undefined };

/** `db metrics`: how a database is doing. Asks, and wakes nobody. */
export function addMetricsCommand(db: Command): void {
  withOutput(
    db
      .command("metrics")
      .description("how a database is doing: sessions, operations, memory, cache, backups; it is not woken")
      .argument("<database>"),
  ).action(run);
}

async function run(text: string, { output }: Output): Promise<void> {
  const client = connect();
  const path = databasePath(await resolveDatabase(client, text));
  const found = await client.get<Figures>(`${path}/figures`);
  if (output !== "table") return printData(found, output);
  const rows = Object.entries(found.figures).map(([name, value]) => ({ name, value, rate: found.rates[name] }));
  printRows(rows, columns, output);
  const since = found.sampledAt === null ? "nobody has asked it yet" : `as of ${found.sampledAt}`;
  say(`${found.state}, ${since}`);
}

const columns: readonly Column<Row>[] = [
  { title: "FIGURE", value: ({ name }) => words(name) },
  { title: "VALUE", value: ({ name, value }) => shown(name, value) },
  { title: "A SECOND", value: ({ name, rate }) => (rate === undefined ? "" : shown(name, rate)) },
];

const words = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** Bytes in powers of two; everything else with as many digits as matter. */
export function shown(name: string, value: number): string {
  if (!/Bytes$/.test(name)) return String(Number(value.toPrecision(4)));
  const power = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${Number((value / 1024 ** power).toPrecision(4))} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}
