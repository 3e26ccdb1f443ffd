/**
 * Who may do what: from a request to a bucket, or to a refusal. The signature comes first, and needs nobody; what its key may do is asked
 * of the portal; then the bucket's own limits.
 *
 * 1. A stranger learns nothing about which buckets there are.
 * 2. A key opens the bucket that its credentials were made for, and only as long as it may: a revoked one opens nothing.
 * 3. A copy stays inside of its bucket.
 * 4. A key asks from the addresses of its database's `allowFrom`; what was signed for others, or is open to anybody, from everywhere.
 */

import type { Clock, Secret } from "../../platform/core/index.ts";
import {
  type Claimed,
  claimedBy,
  credentialsFor,
  encodePath,
  type Signable,
  verify,
} from "../../platform/files/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { isAllowed } from "../wire/index.ts";
import { accessDenied, type Refused, refused } from "./answer.ts";
import type { Bucket, Buckets } from "./buckets.ts";
import { type Asked, copySource, type Operation, readRequest } from "./request.ts";
import type { Room } from "./room.ts";
import type { Upstream } from "./upstream.ts";

/** Lists of keys to delete, of parts, of tags: held in memory by the server behind. */
export const mostTextBytes = 2 * 2 ** 20;

/** What an API key may do with the files of a database; undefined: nothing. @throws when nobody can say. */
export type FileKeys = {
  find(keyId: string, id: DatabaseId): Promise<{ readonly access: "read" | "write" | "admin" } | undefined>;
};

export type AdmitDeps = {
  readonly buckets: Buckets;
  readonly keys: FileKeys;
  readonly secret: Secret;
  readonly room: Room;
  readonly upstream: Pick<Upstream, "ask">;
  readonly clock: Clock;
};

export type Admitted = {
  readonly kind: "admitted";
  readonly bucket: Bucket;
  readonly key: string;
  readonly query: string;
  readonly operation: Operation;
  /** Of a signed request: who signed it, and with what. */
  readonly signed?: { readonly claimed: Claimed; readonly signingKey: Buffer };
};

export async function admit(deps: AdmitDeps, request: Signable, address: string): Promise<Admitted | Refused> {
  const asked = readRequest(request);
  if (asked === undefined) return refused("InvalidURI", "The address names no object that can be here");
  const claimed = claimedBy(request);
  if (claimed !== undefined && "code" in claimed) return refused(claimed.code, claimed.message);
  return claimed === undefined ? admitAnybody(deps, asked) : admitKey(deps, { request, address }, asked, claimed);
}

async function admitAnybody({ buckets }: AdmitDeps, { bucket: label, key, query, operation }: Asked) {
  const bucket = operation?.open === true ? await buckets.find(label) : undefined;
  if (bucket === undefined || operation === undefined || !isOpen(bucket)) return accessDenied;
  return { kind: "admitted", bucket, key, query, operation } as const;
}

export const isOpen = ({ spec }: Bucket): boolean => !spec.retire && (spec.public || spec.website !== undefined);

async function admitKey(
  deps: AdmitDeps,
  { request, address }: { readonly request: Signable; readonly address: string },
  { bucket: label, key, query, operation }: Asked,
  claimed: Claimed,
): Promise<Admitted | Refused> {
  const { secretAccessKey } = credentialsFor(deps.secret, claimed.keyId, label);
  const verified = verify(request, claimed, secretAccessKey, deps.clock.now());
  if ("code" in verified) return refused(verified.code, verified.message);
  const bucket = await deps.buckets.find(label);
  if (bucket === undefined) return refused("NoSuchBucket", "There is no such bucket");
  if (claimed.how === "header" && !isAllowed(bucket.gate.allowFrom, address))
    return refused("AccessDenied", "The address that asks is not in allowFrom of the database");
  const may = await deps.keys.find(claimed.keyId, bucket.id);
  if (may === undefined) return refused("InvalidAccessKeyId", "The key is revoked or expired, or not for these files");
  if (operation === undefined)
    return refused("AccessDenied", "Buckets are changed by their declaration, and this server has no such operation");
  if (operation.access === "write" && may.access === "read")
    return refused("AccessDenied", "This key may only read (its scope is files:read)");
  if (bucket.spec.retire) return refused("AccessDenied", "The bucket is retired");
  const limit = await beyondLimits(deps, { ...request, query }, bucket, operation);
  if (limit !== undefined) return limit;
  return { kind: "admitted", bucket, key, query, operation, signed: { claimed, signingKey: verified.signingKey } };
}

async function beyondLimits(
  deps: AdmitDeps,
  request: Signable,
  bucket: Bucket,
  operation: Operation,
): Promise<Refused | undefined> {
  const { maxObjectBytes } = bucket.spec;
  const framed = request.headers["transfer-encoding"] !== undefined;
  if (operation.brings === undefined && (framed || Number(request.headers["content-length"] ?? 0) > mostTextBytes))
    return refused("EntityTooLarge", `What is no object has a said length of ${mostTextBytes} bytes at most`);
  const size = await sizeOfWhatComes(deps, request, bucket, operation);
  if (typeof size !== "number") return size;
  if (size > maxObjectBytes) return refused("EntityTooLarge", `An object has ${maxObjectBytes} bytes at most here`);
  // the parts of what is completed are in the bucket already
  if (operation.brings === undefined || (await deps.room.admit(bucket, size))) return undefined;
  return refused("QuotaExceeded", `The bucket is full: its objects have ${bucket.spec.storageBytes} bytes at most`);
}

async function sizeOfWhatComes(
  { upstream, buckets }: AdmitDeps,
  { headers, path, query }: Signable,
  bucket: Bucket,
  { brings, completes }: Operation,
): Promise<number | Refused> {
  if (brings === "copy") {
    const source = copySource(headers["x-amz-copy-source"] ?? "");
    if (source?.bucket !== bucket.label)
      return refused("AccessDenied", "Objects are copied inside of their bucket only");
    await buckets.ready(bucket);
    const from = encodePath(`/${source.bucket}/${source.key}`);
    const found = await upstream.ask({ method: "HEAD", path: from, query: "", headers: {}, as: bucket.owner });
    return Number(found.headers["content-length"] ?? 0);
  }
  if (completes === true) {
    await buckets.ready(bucket);
    return sumOfParts(upstream, bucket, path, query);
  }
  if (brings !== "body") return 0;
  const said = headers["x-amz-decoded-content-length"] ?? headers["content-length"];
  return said !== undefined && /^\d{1,15}$/.test(said)
    ? Number(said)
    : refused("MissingContentLength", "Say how long the object is");
}

/** What the parts of an upload come to: none of them is larger than an object may be, all together may. */
async function sumOfParts(
  upstream: Pick<Upstream, "ask">,
  bucket: Bucket,
  path: string,
  query: string,
): Promise<number> {
  let [sum, marker] = [0, ""];
  for (let page = 0; page < 10; page++) {
    const more = marker === "" ? query : `${query}&part-number-marker=${marker}`;
    const { text } = await upstream.ask({ method: "GET", path, query: more, headers: {}, as: bucket.owner });
    for (const [, size] of text.matchAll(/<Size>(\d+)<\/Size>/g)) sum += Number(size);
    marker = /<NextPartNumberMarker>(\d+)</.exec(text)?.[1] ?? "";
    if (!/<IsTruncated>true</.test(text) || marker === "") return sum;
  }
  return sum;
}
