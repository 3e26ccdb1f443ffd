import { encode, type Signable } from "../../platform/files/index.ts";

/** What is asked of a bucket. Only what is listed here is passed on: buckets are made, opened and removed in Git, not by S3. */
export type Operation = {
  readonly access: "read" | "write";
  /** What it brings is counted against the bucket's limits. */
  readonly brings?: "body" | "copy";
  readonly completes?: true;
  /** Its body names objects: it is read before it goes on. */
  readonly names?: true;
  /** A plain read of one object: what a public bucket gives to anybody. */
  readonly open?: true;
};

export type Asked = {
  readonly bucket: string;
  /** Decoded; "" is the bucket itself. */
  readonly key: string;
  /** What goes on of the query, encoded anew: there is one way left to read it. */
  readonly query: string;
  readonly operation: Operation | undefined;
};

/**
 * versitygw 1.8 joins an upload's id to a path as it comes: `../` in one names another bucket. Those that it makes are UUIDs.
 */
const plainValues: Readonly<Record<string, RegExp>> = {
  uploadId: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  partNumber: /^\d{1,5}$/,
};

/** @returns undefined for a path or a query that two servers could read in two ways. */
export function readRequest({ method, path, query, headers }: Signable): Asked | undefined {
  const [, bucket = "", rest = ""] = /^\/([a-z0-9][a-z0-9-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(path) ?? [];
  const key = decoded(rest);
  if (bucket === "" || key === undefined || !isPlainKey(key)) return undefined;
  const parts = partsOf(query);
  if (parts === undefined) return undefined;
  const names = new Set(parts.map(([name]) => name));
  const operation = key === "" ? ofBucket(method, names) : ofObject(method, names, headers);
  return { bucket, key, query: parts.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&"), operation };
}

/** Without the signature's own and what says nothing. undefined: a name that comes twice, or a value that is none. */
function partsOf(query: string): (readonly [string, string])[] | undefined {
  const parts: (readonly [string, string])[] = [];
  const seen = new Set<string>();
  for (const part of query.split("&").filter((one) => one !== "")) {
    const [rawName = "", rawValue = ""] = part.split(/=(.*)/s);
    const [name, value] = [decoded(rawName), decoded(rawValue)];
    if (name === undefined || value === undefined || seen.has(name)) return undefined;
    seen.add(name);
    if (name.startsWith("X-Amz-") || name === "x-id") continue;
    if (plainValues[name]?.test(value) === false) return undefined;
    parts.push([name, value]);
  }
  return parts;
}

export const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/** No way up, nothing empty inside, nothing of the server's own. A slash at the end is a folder's marker. */
export function isPlainKey(key: string): boolean {
  if (key === "") return true;
  const segments = key.replace(/\/$/, "").split("/");
  return (
    Buffer.byteLength(key) <= 1024 &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    !/[\u0000-\u001f\u007f\\]/.test(key) &&
    segments.every((part) => part !== "" && part !== "." && part !== ".." && Buffer.byteLength(part) <= 255) &&
    !/^\.sgwtmp/.test(key)
  );
}

const only = (names: ReadonlySet<string>, ...allowed: readonly string[]): boolean =>
  [...names].every((name) => allowed.includes(name) || (allowed.includes("response-*") && /^response-/.test(name)));

const listing = [
  ...["list-type", "prefix", "delimiter", "marker", "max-keys", "continuation-token", "start-after"],
  ...["fetch-owner", "encoding-type"],
];

function ofBucket(method: string, names: ReadonlySet<string>): Operation | undefined {
  if (method === "HEAD" && names.size === 0) return { access: "read" };
  if (method === "GET" && (only(names, ...listing) || only(names, "location") || only(names, "versioning")))
    return { access: "read" };
  if (method === "GET" && names.has("uploads"))
    return only(
      names,
      "uploads",
      "prefix",
      "delimiter",
      "key-marker",
      "upload-id-marker",
      "max-uploads",
      "encoding-type",
    )
      ? { access: "write" }
      : undefined;
  return method === "POST" && names.has("delete") && only(names, "delete")
    ? { access: "write", names: true }
    : undefined;
}

function ofObject(method: string, names: ReadonlySet<string>, headers: Signable["headers"]): Operation | undefined {
  const part = names.has("uploadId") && names.has("partNumber") && only(names, "uploadId", "partNumber");
  const brings = headers["x-amz-copy-source"] === undefined ? "body" : "copy";
  switch (method) {
    case "GET":
    case "HEAD":
      if (only(names, "partNumber", "response-*"))
        return names.size === 0 ? { access: "read", open: true } : { access: "read" };
      if (only(names, "attributes") || only(names, "tagging")) return { access: "read" };
      return names.has("uploadId") && only(names, "uploadId", "max-parts", "part-number-marker")
        ? { access: "write" }
        : undefined;
    case "PUT":
      if (names.size === 0 || part) return { access: "write", brings };
      return only(names, "tagging") ? { access: "write" } : undefined;
    case "POST":
      if (only(names, "uploads") && names.size === 1) return { access: "write" };
      return only(names, "uploadId") && names.size === 1 ? { access: "write", completes: true } : undefined;
    case "DELETE":
      return names.size === 0 || only(names, "uploadId") || only(names, "tagging") ? { access: "write" } : undefined;
    default:
      return undefined;
  }
}

/** The object that is copied: `bucket/key` or `/bucket/key`, encoded. undefined: nothing that is looked for here. */
export function copySource(header: string): { readonly bucket: string; readonly key: string } | undefined {
  const text = decoded(header.replace(/^\//, "").replaceAll("+", "%20"));
  const [, bucket, key] = /^([a-z0-9-]{3,63})\/([^?]+)$/s.exec(text ?? "") ?? [];
  return bucket === undefined || key === undefined || !isPlainKey(key) ? undefined : { bucket, key };
}
