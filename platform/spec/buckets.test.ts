import { describe, expect, test } from "vitest";
import { bucketLabel, resolveBucket } from "./buckets.ts";
import { resolveBranch } from "./resolve-branch.ts";
import { resolveDatabase } from "./resolve-database.ts";
import type { DatabaseSpec } from "./types.ts";

const specOf = (engine: "postgres" | "redis", name: string): DatabaseSpec => {
  const resolved = resolveDatabase({ engine, name, options: { version: engine === "redis" ? "8.0" : "18" } });
  if (resolved.kind === "invalid") throw new Error(JSON.stringify(resolved.problems));
  return resolved.spec;
};
const siblings = [specOf("postgres", "orders"), specOf("redis", "cache")];
const resolve = (options: object, name = "assets") => resolveBucket({ name, options }, siblings);
const problemsOf = (options: object, name?: string) => {
  const resolved = resolve(options, name);
  return resolved.kind === "ok" ? [] : resolved.problems.map(({ code, path }) => `${code} ${path.join(".")}`);
};

describe("a bucket", () => {
  test("has every default filled and holds no null", () => {
    expect(resolve({ of: "orders" })).toEqual({
      kind: "ok",
      spec: {
        of: "orders",
        bucket: { public: false, maxObjectBytes: 2 ** 30, storageBytes: 10 * 2 ** 30, cors: [], retire: false },
      },
    });
    const site = resolve({ of: "orders", website: { error: "404.html" }, storage: "512Mi", cors: ["*", "*"] });
    expect(site).toMatchObject({
      spec: { bucket: { maxObjectBytes: 2 ** 29, cors: ["*"], website: { index: "index.html", error: "404.html" } } },
    });
  });

  test("is of a Postgres database of its project", () => {
    expect(problemsOf({ of: "orderz" })).toEqual(["NEB450 of"]);
    expect(resolve({ of: "orderz" })).toMatchObject({ problems: [{ hint: 'Did you mean "orders"?' }] });
    expect(problemsOf({ of: "cache" })).toEqual(["NEB450 of"]);
    expect(problemsOf({})).toEqual(["NEB111 of"]);
  });

  test("that cannot be says where, all at once", () => {
    expect(problemsOf({ of: "orders", pubic: true, storage: 5, cors: ["shop.example"] }, "My_Files")).toEqual(
      expect.arrayContaining(["NEB116 name", "NEB110 pubic", "NEB112 storage", "NEB111 cors.0"]),
    );
    expect(problemsOf({ of: "orders", website: { index: "../secret" } })).toEqual(["NEB111 website.index"]);
    expect(problemsOf({ of: "orders", website: {}, public: false })).toEqual(["NEB127 public"]);
    expect(problemsOf({ of: "orders", storage: "1Gi", maxObject: "2Gi" })).toEqual(["NEB127 maxObject"]);
  });

  test("is not copied with its database", () => {
    const [orders] = siblings;
    const resolved = resolve({ of: "orders" });
    if (orders === undefined || resolved.kind !== "ok") throw new Error("no ground");
    const parent = { ...orders, buckets: { assets: resolved.spec.bucket } };
    const branch = resolveBranch({ name: "feature-x", options: { of: "orders" } }, [parent]);
    expect(branch.kind === "ok" && "buckets" in branch.spec).toBe(false);
  });

  test("has a name of its own on the whole installation, which S3 takes", () => {
    const names = [
      bucketLabel("a.b.c", "d"),
      bucketLabel("a.b.c-d", "d"),
      bucketLabel("a.b-c.d", "d"),
      bucketLabel("a-b.c.d", "d"),
      bucketLabel("acme-acme-acme.shop-shop-shop.orders-orders-orders", "assets-assets"),
      bucketLabel("acme-acme-acme.shop-shop-shop.orders-orders-orders", "assets-assetz"),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]{1,56}[a-z0-9]$/);
  });
});
