import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CommandFailure, exitCodes } from "./failure.ts";

export type Connection = { readonly url: string; readonly token: string };

const file = (env: NodeJS.ProcessEnv) =>
  join(env.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "nebuladb", "login.json");

/**
 * Where the portal is and who asks: `NEBULA_URL` and `NEBULA_TOKEN`, else the platform that runs from this checkout,
 * else what `nebula login` kept.
 * @throws CommandFailure (exit 3) when there is none of them.
 */
export function readConnection(env: NodeJS.ProcessEnv = process.env): Connection {
  const saved = readJson(file(env));
  const local = readLocal(env);
  const url = env.NEBULA_URL || local?.url || saved?.url;
  const token = env.NEBULA_TOKEN || [saved, local].find((known) => known?.url === url)?.token;
  if (url === undefined || token === undefined)
    throw new CommandFailure("not signed in", {
      code: "NEB660",
      exitCode: exitCodes.auth,
      hint: "Start a platform with `./nebula up`, or sign in to one: `./nebula login --url URL --token TOKEN`.",
    });
  return { url: url.replace(/\/$/, ""), token };
}

/** Keeps a connection for later commands, readable by its owner only. */
export function saveConnection(connection: Connection, env: NodeJS.ProcessEnv = process.env): string {
  const path = file(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  return path;
}

/** The platform that `up` runs from this checkout leaves its address and the first token beside its data. */
function readLocal(env: NodeJS.ProcessEnv): Connection | undefined {
  const data = env.NEBULA_DATA ?? join(import.meta.dirname, "..", "..", ".nebula");
  const tokenFile = join(data, "secrets", "admin-token");
  const platform = readJson(join(data, "run", "platform.json"));
  if (platform?.url === undefined || !existsSync(tokenFile)) return undefined;
  return { url: platform.url, token: readFileSync(tokenFile, "utf8").trim() };
}

function readJson(path: string): { url?: string; token?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { url?: string; token?: string };
  } catch {
    return undefined;
  }
}
