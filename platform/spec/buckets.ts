import { createHash } from "node:crypto";
import { z } from "zod";
import { deepFreeze } from "./canonical.ts";
import { bucketParent, conflictingOptions, problem, type Resolved, type SpecProblem } from "./errors.ts";
import { toProblems, valueAt } from "./issues.ts";
import { nameProblem, nearest, shown } from "./names.ts";
import type { DatabaseId, DatabaseSpec } from "./types.ts";
import { size } from "./values.ts";

/**
 * Buckets: files beside a database. A bucket is declared in a file of its own and is a part of its database's spec, as migrations are
 * (docs/decisions/0032): it is planned, reviewed, priced, deployed, retired and removed with it. No nulls inside: Pulumi drops them.
 */
export type BucketSpec = {
  /** Whether anybody may read an object whose name is known. Listing needs a key all the same. */
  readonly public: boolean;
  readonly maxObjectBytes: number;
  /** What all its objects together may take. */
  readonly storageBytes: number;
  /** Origins whose pages may ask, sorted; `*` is any. */
  readonly cors: readonly string[];
  /** Served as a web site; absent: it is not. */
  readonly website?: WebsiteSpec;
  /** Nobody is let in any more, and it may be taken out of the declarations. */
  readonly retire: boolean;
};

export type WebsiteSpec = {
  /** The object that stands for a folder. */
  readonly index: string;
  /** What is shown instead of what is not there. */
  readonly error?: string;
};

const gibi = 2 ** 30;
const bucketDefaults = { maxObjectBytes: gibi, storageBytes: 10 * gibi, index: "index.html" } as const;

const origin = z.string().regex(/^(\*|https?:\/\/[a-z0-9.-]+(:\d{1,5})?)$/);
const document = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,200}(\/[A-Za-z0-9._-]{1,200}){0,10}$/)
  .refine((text) => !text.split("/").some((part) => /^\.{1,2}$/.test(part)), "leads out of the bucket");
const website = z.strictObject({ index: document.optional(), error: document.optional() });

export const bucketOptions = z.strictObject({
  of: z.string(),
  public: z.boolean().optional(),
  maxObject: size(2 ** 20, 5 * 1024 * gibi).optional(),
  storage: size(2 ** 20, 64 * 1024 * gibi).optional(),
  cors: z.array(origin).max(100).optional(),
  website: website.optional(),
  retire: z.boolean().optional(),
});

/** A bucket as declared: what `new Bucket("assets", {...})` records. `of` is its database's name. */
export type DeclaredBucket = { readonly name: string; readonly options: unknown };

/** Every problem at once. @param databases those of its project that are no branches. */
export function resolveBucket(
  { name, options = {} }: DeclaredBucket,
  databases: readonly DatabaseSpec[],
): Resolved<{ readonly of: string; readonly bucket: BucketSpec }> {
  const parsed = bucketOptions.safeParse(options);
  const named = nameProblem("bucket", name);
  const of = valueAt(options, ["of"]);
  const problems: SpecProblem[] = [
    ...(named === undefined ? [] : [named]),
    ...(parsed.success ? [] : toProblems(parsed.error.issues, options, knownBucket)),
    ...(typeof of === "string" ? parentProblems(of, databases) : []),
    ...(parsed.success ? contradictions(parsed.data) : []),
  ];
  if (!parsed.success || problems.length > 0) return { kind: "invalid", problems };
  return { kind: "ok", spec: deepFreeze({ of: parsed.data.of, bucket: fill(parsed.data) }) };
}

const knownBucket = (path: readonly (string | number)[]): readonly string[] =>
  Object.keys(path[0] === "website" ? website.shape : bucketOptions.shape);

function fill(said: z.output<typeof bucketOptions>): BucketSpec {
  const storageBytes = said.storage ?? bucketDefaults.storageBytes;
  const { index = bucketDefaults.index, error } = said.website ?? {};
  return {
    public: said.public ?? false,
    maxObjectBytes: said.maxObject ?? Math.min(bucketDefaults.maxObjectBytes, storageBytes),
    storageBytes,
    cors: [...new Set(said.cors ?? [])].sort(),
    ...(said.website === undefined ? {} : { website: { index, ...(error === undefined ? {} : { error }) } }),
    retire: said.retire ?? false,
  };
}

function parentProblems(of: string, databases: readonly DatabaseSpec[]): SpecProblem[] {
  const parent = databases.find(({ name }) => name === of);
  if (parent?.engine === "postgres") return [];
  const names = databases.filter(({ engine }) => engine === "postgres").map(({ name }) => name);
  const meant = parent === undefined ? nearest(of, names) : undefined;
  const why = parent === undefined ? `this project declares no database ${shown(of)}` : `${shown(of)} has no buckets`;
  return [problem(bucketParent, ["of"], why, meant === undefined ? undefined : `Did you mean "${meant}"?`)];
}

function contradictions({ public: isPublic, website, storage, maxObject }: z.output<typeof bucketOptions>) {
  return [
    ...(website !== undefined && isPublic === false
      ? [problem(conflictingOptions, ["public"], "a web site is read by anybody", "Remove public, or website.")]
      : []),
    ...(storage !== undefined && maxObject !== undefined && maxObject > storage
      ? [problem(conflictingOptions, ["maxObject"], "an object may be larger than the bucket")]
      : []),
  ];
}

/** What the S3 endpoint calls a bucket: a DNS label of at most 58 bytes, no two alike on an installation. */
export function bucketLabel(id: DatabaseId, bucket: string): string {
  const hash = createHash("sha256")
    .update(`${id.replaceAll(".", "/")}//${bucket}`)
    .digest("hex")
    .slice(0, 8);
  const readable = [...id.split("."), bucket].join("-").slice(0, 41).replace(/-+$/, "");
  return `${readable}-${hash}`;
}
