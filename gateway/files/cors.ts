import type { Bucket } from "./buckets.ts";

const isAllowed = ({ spec }: Bucket, origin: string): boolean => spec.cors.includes(origin) || spec.cors.includes("*");

/** What a browser needs to show the answer to a page of `origin`. */
export function corsFor(bucket: Bucket, origin: string | undefined): Record<string, string> {
  if (bucket.spec.cors.length === 0) return {};
  if (origin === undefined || !isAllowed(bucket, origin)) return { vary: "origin" };
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": "etag, content-length, content-range, x-amz-request-id",
    vary: "origin",
  };
}

/** undefined: the page may not ask. */
export function preflight(bucket: Bucket, headers: Readonly<Record<string, string>>) {
  const { origin = "", "access-control-request-headers": asked = "" } = headers;
  if (!isAllowed(bucket, origin)) return undefined;
  return {
    ...corsFor(bucket, origin),
    "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE",
    "access-control-max-age": "3600",
    ...(/^[a-z0-9, -]{1,2000}$/i.test(asked) ? { "access-control-allow-headers": asked } : {}),
  };
}
