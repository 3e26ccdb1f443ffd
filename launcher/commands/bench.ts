/** `nebula bench NAME`: runs bench/NAME.ts and prints the one object that it reports. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { repository } from "../data-folder.ts";
import { processFailed, unknownName } from "../errors.ts";
import { columns, type Format, print } from "../print.ts";
import { resolvePostgres } from "../toolchain/postgres.ts";
import { resolvePulumi } from "../toolchain/pulumi.ts";
import { makeSay } from "../toolchain/say.ts";

type Report = {
  readonly bench: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly goals: Readonly<Record<string, string>>;
  readonly met: boolean;
  readonly notes?: readonly string[];
};

/** Scripts of bench/; what they share stands in its folders. */
export const benchNames = (): string[] =>
  globSync("*.ts", { cwd: join(repository, "bench") })
    .map((file) => basename(file, ".ts"))
    .filter((name) => !name.endsWith(".test"))
    .sort();

export async function bench(
  name: string,
  args: readonly string[],
  options: { readonly output: Format },
): Promise<void> {
  const names = benchNames();
  if (!names.includes(name)) throw unknownName(`there is no bench ${name}`, { hint: `Benches: ${names.join(", ")}` });
  const say = makeSay();
  const postgres = await resolvePostgres(process.env, say);
  const pulumi = await resolvePulumi(process.env, say);
  say.done();
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(repository, "bench", `${name}.ts`), ...args],
    {
      cwd: repository,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NEBULA_PG_BIN: postgres.binDir, NEBULA_PULUMI_BIN: pulumi.path },
    },
  );
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const said = await text(child.stdout);
  const code = await ended;
  const start = said.search(/^\{/m);
  if (code !== 0 || start === -1) throw processFailed(`bench ${name} ended with exit code ${code} and no report`);
  const report = JSON.parse(said.slice(start)) as Report;
  await print(report, options.output, () => describe(report));
}

const describe = (report: Report) =>
  [
    columns([
      ["FIGURE", "VALUE", "GOAL"],
      ...Object.entries(report.figures).map(([name, value]) => [name, String(value), report.goals[name] ?? ""]),
    ]),
    `met: ${report.met}`,
    ...(report.notes ?? []),
  ].join("\n");
