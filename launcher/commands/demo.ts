/** `nebula demo`: the product's demo (portal/cli), against what runs, else against a platform that lives as long as the demo. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveOsUser } from "../../platform/compute/index.ts";
import { type Scope, withScope } from "../../platform/core/index.ts";
import { type Chapter, readConnection, runDemo } from "../../portal/cli/index.ts";
import { layout, locateData } from "../data-folder.ts";
import { exitCodes } from "../exit-codes.ts";
import { canEnter } from "../os-user.ts";
import { findFreePorts } from "../ports.ts";
import type { Format } from "../print.ts";
import { findRunning } from "../running.ts";
import { findPostgres } from "../toolchain/postgres.ts";
import { isExecutable } from "../toolchain/programs.ts";
import { makeSay, type Say } from "../toolchain/say.ts";
import { takeDown } from "./down.ts";
import { prepareStart, startDetached } from "./up.ts";

type DemoOptions = { readonly output: Format; readonly keep?: boolean; readonly chapter?: Chapter | "billing" };

export async function demo(options: DemoOptions): Promise<void> {
  const { chapter, ...rest } = options;
  if (chapter === "billing") return (await import("./demo-billing.ts")).demoBilling(options);
  const say = makeSay();
  await withScope(async (scope) => {
    if (!isSignedIn()) await startTemporary(scope, say);
    await nameClientTools(process.env);
    await runDemo({ ...rest, ...(chapter === undefined ? {} : { chapter }) });
  });
}

/** Where to and as whom is known, and if that is this machine's platform, it runs. */
function isSignedIn(): boolean {
  process.env.NEBULA_DATA ??= locateData(undefined, process.env);
  const running = findRunning(layout(process.env.NEBULA_DATA));
  try {
    const { url } = readConnection();
    return running !== undefined || process.env.NEBULA_URL !== undefined || !isLoopback(url);
  } catch {
    return false;
  }
}

const isLoopback = (url: string) => ["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname);

async function startTemporary(scope: Scope, say: Say): Promise<void> {
  const user = await resolveOsUser();
  const place = [tmpdir(), "/tmp"].find((folder) => canEnter(folder, user)) ?? "/tmp";
  const folder = layout(mkdtempSync(join(place, "nebula-demo-")));
  let cleaned: Promise<void> | undefined;
  const clean = () => {
    cleaned ??= takeDown(folder, process.env).then(() => rmSync(folder.root, { recursive: true, force: true }));
    return cleaned;
  };
  scope.add(folder, clean);
  process.once("SIGINT", () => void clean().finally(() => process.exit(exitCodes.error)));
  say.line("no platform runs: starting a temporary one");
  const started = await startDetached(await prepareStart(folder, await findFreePorts(), say));
  const platform = started.kind === "ours" ? started.value.platform : started.platform;
  process.env.NEBULA_DATA = folder.root;
  process.env.NEBULA_URL = platform.url;
  if (started.kind === "ours" && started.value.adminToken) process.env.NEBULA_TOKEN = started.value.adminToken;
}

/** psql of the PostgreSQL in use, where it has one; else whatever is on PATH. */
export async function nameClientTools(env: NodeJS.ProcessEnv): Promise<void> {
  const postgres = await findPostgres(env);
  if (postgres && isExecutable(join(postgres.binDir, "psql"))) env.NEBULA_PG_BIN = postgres.binDir;
}
