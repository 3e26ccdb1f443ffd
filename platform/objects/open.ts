import { isAbsolute } from "node:path";
import { Secret } from "../core/index.ts";
import { storeMisnamed } from "./errors.ts";
import { makeFileStore } from "./file-store.ts";
import { makeS3Store, type S3StoreOptions } from "./s3-store.ts";
import type { ObjectStore } from "./types.ts";

export type StoreAddress =
  | { readonly kind: "file"; readonly folder: string }
  | ({ readonly kind: "s3" } & Omit<S3StoreOptions, "credentials">);

/** A folder, `file:///folder`, or `s3://bucket/prefix?endpoint=&region=&pathStyle=`. @throws NEB412 */
export function storeAddress(text: string): StoreAddress {
  if (isAbsolute(text)) return { kind: "file", folder: text };
  const url = URL.parse(text);
  if (url?.protocol === "file:" && isAbsolute(url.pathname))
    return { kind: "file", folder: decodeURIComponent(url.pathname) };
  if (url?.protocol !== "s3:" || url.hostname === "")
    throw storeMisnamed(`"${text}" is neither an absolute folder nor an s3:// address`);
  const asked = [...url.searchParams.keys()].filter((name) => !["endpoint", "region", "pathStyle"].includes(name));
  if (asked.length > 0 || url.username !== "" || url.password !== "")
    throw storeMisnamed(`an s3:// address takes endpoint, region and pathStyle, and no credentials`);
  const endpoint = url.searchParams.get("endpoint");
  return {
    ...{ kind: "s3", bucket: url.hostname, prefix: url.pathname.replaceAll(/^\/+|\/+$/g, "") },
    ...(endpoint === null ? {} : { endpoint }),
    region: url.searchParams.get("region") ?? "us-east-1",
    pathStyle: (url.searchParams.get("pathStyle") ?? (endpoint === null ? "false" : "true")) === "true",
  };
}

/** Credentials: two values, or none for Amazon's own way of finding them. */
export type StoreCredentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

export function openObjectStore(address: string, credentials?: StoreCredentials): ObjectStore {
  const { kind, ...rest } = storeAddress(address);
  if (kind === "file") return makeFileStore((rest as { folder: string }).folder);
  const { accessKeyId, secretAccessKey } = credentials ?? {};
  const given =
    accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey: new Secret(secretAccessKey) } };
  return makeS3Store({ ...(rest as Omit<S3StoreOptions, "credentials">), ...given });
}
