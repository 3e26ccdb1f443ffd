/** `<data>/run/platform.json`: what runs, for `status`, for a second `up`, and for the product commands of this checkout. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DataFolder } from "./data-folder.ts";
import { writeWhole } from "./files.ts";
import type { Main } from "./mains.ts";
import type { Ports } from "./ports.ts";

/** Where clients of databases connect. */
export type Endpoints = {
  readonly host: string;
  /** The address that the gateway binds to; absent in the file of an earlier release. */
  readonly listens?: string;
  readonly direct: number;
  readonly pooled: number;
  /** The certificate authority's file: sslrootcert. */
  readonly ca: string;
};

export type PlatformFile = {
  readonly url: string;
  readonly forgeUrl: string;
  readonly forgeApiUrl: string;
  readonly reconcilerUrl: string;
  readonly endpoints: Endpoints;
  readonly data: string;
  readonly ports: Ports;
  /** The mains, in the order in which they started. */
  readonly processes: readonly { readonly name: string; readonly port: number }[];
  readonly startedAt: string;
};

/** What the gateway serves over HTTP, for `up` and `status`. */
export const webRows = ({ endpoints: { host }, ports }: PlatformFile): readonly (readonly string[])[] => [
  ["data API", `${host}:${ports.api}`, "/TENANT/PROJECT/DATABASE/rest/v1; `nebula db show` prints the address"],
  ["buckets", `${host}:${ports.files}`, "S3 and web sites"],
];

const pathOf = (folder: DataFolder) => join(folder.run, "platform.json");

export function describePlatform(
  folder: DataFolder,
  ports: Ports,
  planned: readonly Main[],
  { startedAt, listens }: { readonly startedAt: Date; readonly listens: string },
): PlatformFile {
  const at = (port: number) => `http://127.0.0.1:${port}`;
  return {
    url: at(ports.portal),
    forgeUrl: at(ports.forge),
    forgeApiUrl: `${at(ports.forge)}/api/v3`,
    reconcilerUrl: at(ports.reconciler),
    endpoints: {
      host: "localhost",
      listens,
      direct: ports.direct,
      pooled: ports.pooled,
      ca: join(folder.root, "tls", "ca.pem"),
    },
    data: folder.root,
    ports,
    processes: planned.map(({ name, port }) => ({ name, port })),
    startedAt: startedAt.toISOString(),
  };
}

export const writePlatform = (folder: DataFolder, platform: PlatformFile): void =>
  writeWhole(pathOf(folder), `${JSON.stringify(platform, null, 2)}\n`, 0o644);

export const removePlatform = (folder: DataFolder): void => rmSync(pathOf(folder), { force: true });

export function readPlatform(folder: DataFolder): PlatformFile | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(folder), "utf8")) as PlatformFile;
  } catch {
    return undefined;
  }
}
