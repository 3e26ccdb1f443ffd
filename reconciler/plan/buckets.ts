import { type BucketSpec, formatSizeBytes } from "../../platform/spec/index.ts";
import { bucketNotRetired } from "./errors.ts";
import type { Case, Verdict } from "./rules.ts";

const online = (why: string): Verdict => ({ effect: "online", why });

/** What changing a bucket does: `buckets`, `buckets.assets`, `buckets.assets.public`, `buckets.assets.website.index`. */
export function judgeBucket({ path, from, to, previous }: Pick<Case, "path" | "from" | "to" | "previous">): Verdict {
  const [, name, option] = path.split(".");
  if (option === undefined && to === null)
    return judgeRemoval(name === undefined ? (previous.buckets ?? {}) : { [name]: from as unknown as BucketSpec });
  if (option === undefined) return online("a new, empty bucket");
  switch (option) {
    case "retire":
      return to === true
        ? { effect: "downtime", why: `nobody is let into ${name} any more; its objects are kept` }
        : online(`${name} is served again, with the objects that it had`);
    case "public":
      return online(to === true ? "anybody may read an object by its address" : "only keys and signed addresses read");
    case "website":
      return online(to === null ? "no web site any more" : "served as a web site, to anybody");
    case "storageBytes":
      return online(`no more is taken beyond ${formatSizeBytes(Number(to))}; what is there stays`);
    default:
      return online("in force with the next request");
  }
}

/** As a database: first retired, then deleted. */
function judgeRemoval(buckets: Readonly<Record<string, BucketSpec>>): Verdict {
  const names = Object.keys(buckets).join(", ");
  const live = Object.keys(buckets).filter((name) => buckets[name]?.retire !== true);
  const { code, hint } = bucketNotRetired.definition;
  const message = `the bucket ${live.join(", ")} is deleted without being retired first`;
  return {
    effect: "data-loss",
    why: `${names}: the objects go, after seven days`,
    ...(live.length === 0 ? {} : { blocked: { code, message, hint } }),
  };
}
