import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CommandFailure, exitCodes } from "./failure.ts";

export type Connection = {
  readonly url: string;
  readonly token: string;
  /** Of `nebula login --email`: how the token is renewed. */
  readonly session?: { readonly refreshToken: string; readonly expiresAt: string };
};

/** What this user's commands keep. */
export const configFolder = (env: NodeJS.ProcessEnv): string =>
  join(env.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "nebuladb");

const file = (env: NodeJS.ProcessEnv) => join(configFolder(env), "login.json");

/**
 * Where the portal is and who asks: `NEBULA_URL` and `NEBULA_TOKEN`, else the platform that runs from this checkout,
 * else what `nebula login` kept.
 * @throws CommandFailure (exit 3) when there is none of them.
 */
export function readConnection(env: NodeJS.ProcessEnv = process.env): Connection {
  const saved = readSaved(env);
  const local = readLocal(env);
  const url = env.NEBULA_URL || local?.url || saved?.url;
  const found = env.NEBULA_TOKEN ? { token: env.NEBULA_TOKEN } : [saved, local].find((known) => known?.url === url);
  if (url === undefined || found?.token === undefined)
    throw new CommandFailure("not signed in", {
      code: "NEB660",
      exitCode: exitCodes.auth,
      hint: "Start a platform with `./nebula up`, or sign in to one: `./nebula login --url URL --email YOU@EXAMPLE`.",
    });
  return { ...found, token: found.token, url: withoutSlash(url) };
}

/**
 * Where the portal is, for what needs no sign-in.
 * @throws CommandFailure (exit 2) when nothing says.
 */
export function readUrl(given: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const url = given || env.NEBULA_URL || localUrl(env) || readSaved(env)?.url;
  if (url === undefined)
    throw new CommandFailure("no platform runs from this checkout", {
      exitCode: exitCodes.usage,
      hint: "Say where the portal is: --url https://...",
    });
  return withoutSlash(url);
}

/** What `nebula login` kept. */
export const readSaved = (env: NodeJS.ProcessEnv = process.env): Connection | undefined =>
  readJson(file(env)) as Connection | undefined;

/** Keeps a connection for later commands, readable by its owner only. */
export function saveConnection(connection: Connection, env: NodeJS.ProcessEnv = process.env): string {
  const path = file(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  renameSync(next, path);
  return path;
}

export const forgetConnection = (env: NodeJS.ProcessEnv = process.env): void => rmSync(file(env), { force: true });

/** The platform that `up` runs from this checkout leaves its address and the first token beside its data. */
function readLocal(env: NodeJS.ProcessEnv): Connection | undefined {
  const tokenFile = join(dataFolder(env), "secrets", "admin-token");
  const url = localUrl(env);
  if (url === undefined || !existsSync(tokenFile)) return undefined;
  return { url, token: readFileSync(tokenFile, "utf8").trim() };
}

const localUrl = (env: NodeJS.ProcessEnv): string | undefined =>
  readJson(join(dataFolder(env), "run", "platform.json"))?.url;

/** The token that makes the first administrator's account, where `up` has left it. */
export function readSetupToken(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const path = join(dataFolder(env), "secrets", "setup-token");
  return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
}

const dataFolder = (env: NodeJS.ProcessEnv): string =>
  env.NEBULA_DATA ?? join(import.meta.dirname, "..", "..", ".nebula");

const withoutSlash = (url: string): string => url.replace(/\/$/, "");

function readJson(path: string): { url?: string; token?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { url?: string; token?: string };
  } catch {
    return undefined;
  }
}
