/** A real S3 server (versitygw over a folder) on loopback, with one bucket; built into the cache the first time. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quiet, resolveVersitygw } from "../../launcher/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { makeS3Store, type S3Store, type S3StoreOptions } from "../../platform/objects/index.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./ports.ts";

export type S3Server = {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** As `openObjectStore` reads it. */
  address(prefix: string): string;
  options(prefix: string): S3StoreOptions;
  store(prefix: string): S3Store;
  /** The folder in which the objects of the bucket lie, for tests that damage them. */
  readonly folder: string;
  close(): Promise<void>;
};

const bucket = "backups";

export async function startS3Server(): Promise<S3Server> {
  const program = await resolveVersitygw(process.env, quiet);
  const home = mkdtempSync(join(tmpdir(), "ndb-s3-"));
  const folder = join(home, "data", bucket);
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const credentials = { accessKeyId: "test", secretAccessKey: "test-secret" };
  const child = spawn(program, ["--port", `127.0.0.1:${port}`, "posix", join(home, "data")], {
    env: {
      ...{ PATH: process.env.PATH, HOME: home, ROOT_ACCESS_KEY: credentials.accessKeyId },
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-2000);
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  const options = (prefix: string): S3StoreOptions => ({
    ...{ bucket, prefix, endpoint, region: "us-east-1", pathStyle: true },
    credentials: { ...credentials, secretAccessKey: new Secret(credentials.secretAccessKey) },
  });
  await eventually("the S3 server answers", async () => {
    if (child.exitCode !== null) throw new Error(`versitygw ended: ${said}`);
    return (await fetch(endpoint)).status > 0;
  });
  return {
    ...{ endpoint, credentials, options, folder },
    address: (prefix) => `s3://${bucket}/${prefix}?endpoint=${endpoint}`,
    store: (prefix) => makeS3Store(options(prefix)),
    async close() {
      child.kill("SIGTERM");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
