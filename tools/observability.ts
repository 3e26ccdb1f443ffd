/**
 * Writes what Prometheus and Grafana read, from observability/*.ts. `node tools/observability.ts` writes, `--check` only says what is
 * stale.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { dashboards, prometheusConfig, ruleFiles, testFiles, toGrafana } from "../observability/index.ts";

const folder = join(import.meta.dirname, "../observability");

/** Every file with its text. */
export function observabilityFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["prometheus/prometheus.yml", prometheusConfig()],
    ...Object.entries({ ...ruleFiles, ...testFiles }).map(([name, text]) => [`prometheus/${name}`, text()] as const),
    ...dashboards.map((dashboard) => [`grafana/${dashboard.uid}.json`, toGrafana(dashboard)] as const),
  ]);
}

/** Files that are not what they should be, or should not be there. */
export function staleFiles(): readonly string[] {
  const wanted = observabilityFiles();
  const there = globSync(["prometheus/*", "grafana/*"], { cwd: folder });
  const wrong = [...wanted].filter(([name, text]) => read(name) !== text).map(([name]) => name);
  return [...wrong, ...there.filter((name) => !wanted.has(name))];
}

function read(name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
    return undefined;
  }
}

if (import.meta.main) {
  const stale = staleFiles();
  if (process.argv.includes("--check")) {
    for (const name of stale) console.error(`observability/${name}: stale; run \`node tools/observability.ts\``);
    if (stale.length > 0) process.exit(1);
    console.log("rules and dashboards are as observability/*.ts says");
  } else {
    const wanted = observabilityFiles();
    for (const name of stale) {
      const path = join(folder, name);
      const text = wanted.get(name);
      if (text === undefined) rmSync(path);
      else {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      }
    }
    console.log(`wrote ${stale.length} files`);
  }
}
