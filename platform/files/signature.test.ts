import { describe, expect, test } from "vitest";
import { Secret } from "../core/index.ts";
import { credentialsFor, ownerOf } from "./credentials.ts";
import { type Claimed, chunkSignature, claimedBy, presign, type Signable, sign, verify } from "./signature.ts";

/* The examples of AWS's own documentation ("Authenticating Requests: Signature Version 4"). */
const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const nowMs = Date.parse("2013-05-24T00:00:00Z");
const credential = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const authorization = (signedHeaders: string, signature: string) =>
  `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`;

const example: Signable = {
  method: "GET",
  path: "/test.txt",
  query: "",
  headers: {
    ...{ host: "examplebucket.s3.amazonaws.com", range: "bytes=0-9", "x-amz-content-sha256": empty },
    "x-amz-date": "20130524T000000Z",
    authorization: authorization(
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
  },
};
const upload: Signable = {
  method: "PUT",
  path: "/examplebucket/chunkObject.txt",
  query: "",
  headers: {
    ...{ host: "s3.amazonaws.com", "content-encoding": "aws-chunked", "content-length": "66824" },
    ...{ "x-amz-date": "20130524T000000Z", "x-amz-decoded-content-length": "66560" },
    ...{ "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    authorization: authorization(
      "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
      "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    ),
  },
};

const check = (request: Signable, atMs = nowMs, key = secret): string => {
  const claimed = claimedBy(request);
  if (claimed === undefined) return "nobody";
  if ("code" in claimed) return claimed.code;
  const verified = verify(request, claimed, key, atMs);
  return "code" in verified ? verified.code : "verified";
};

describe("a signature in the header", () => {
  test("of AWS's own examples is verified", () => {
    expect(check(example)).toBe("verified");
    expect(check(upload)).toBe("verified");
  });

  test("is of that method, path, query, header and secret only", () => {
    const changed: Signable[] = [
      { ...example, method: "DELETE" },
      { ...example, path: "/test.tx" },
      { ...example, query: "versionId=1" },
      { ...example, headers: { ...example.headers, range: "bytes=0-99" } },
    ];
    for (const one of changed) expect(check(one)).toBe("SignatureDoesNotMatch");
    expect(check(example, nowMs, `${secret}x`)).toBe("SignatureDoesNotMatch");
  });

  test("must cover what is said to us, and is good for a quarter of an hour", () => {
    const more = { ...example, headers: { ...example.headers, "x-amz-copy-source": "/b/k" } };
    expect(check(more)).toBe("AccessDenied");
    expect(check(example, nowMs + 16 * 60_000)).toBe("RequestTimeTooSkewed");
    expect(check(example, nowMs - 16 * 60_000)).toBe("RequestTimeTooSkewed");
  });

  test("that is none is said to be none", () => {
    const saying = (text: string) => check({ ...example, headers: { ...example.headers, authorization: text } });
    expect(saying("Bearer ndb_x")).toBe("AuthorizationHeaderMalformed");
    expect(saying("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c")).toBe(
      "AuthorizationHeaderMalformed",
    );
    expect(check({ ...example, headers: {} })).toBe("nobody");
  });
});

describe("a signed address", () => {
  const query = [
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
    "X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host",
    "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  ].join("&");
  const headers = { host: "examplebucket.s3.amazonaws.com" };
  const request: Signable = { method: "GET", path: "/test.txt", query, headers };

  test("of AWS's own example is verified until it expires", () => {
    expect(check(request)).toBe("verified");
    expect(check(request, nowMs + 86_400_000)).toBe("verified");
    expect(check(request, nowMs + 86_401_000)).toBe("AccessDenied");
    expect(check({ ...request, query: query.replace("86400", "604801") })).toBe("AccessDenied");
    expect(check({ ...request, query: query.replace("86400", "90000") })).toBe("SignatureDoesNotMatch");
  });

  test("that we make is verified, whatever the name of the object", () => {
    for (const key of ["a b/c+d&e=f?g#h%20.txt", "ünïcödé/日本.png", "(quoted)'*!"]) {
      const [origin, bucket] = ["http://127.0.0.1:4494", "acme-shop"];
      const made = { method: "GET", origin, bucket, key, expiresSeconds: 60 } as const;
      const url = new URL(presign(made, { accessKeyId: "A".repeat(26), secretAccessKey: "s" }, nowMs));
      const asked = { method: "GET", path: url.pathname, query: url.search.slice(1), headers: { host: url.host } };
      expect(check(asked, nowMs + 60_000, "s")).toBe("verified");
      expect(decodeURIComponent(url.pathname)).toBe(`/acme-shop/${key}`);
    }
  });
});

test("each piece of a signed stream follows from the one before", () => {
  const claimed = claimedBy(upload) as Claimed;
  const verified = verify(upload, claimed, secret, nowMs);
  if ("code" in verified) throw new Error(verified.code);
  const first = chunkSignature(claimed, verified.signingKey, claimed.signature, Buffer.alloc(65_536, "a"));
  const second = chunkSignature(claimed, verified.signingKey, first, Buffer.alloc(1024, "a"));
  const last = chunkSignature(claimed, verified.signingKey, second, Buffer.alloc(0));
  expect([first, second, last]).toEqual([
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ]);
});

test("what we sign for the server behind is verified as a client's is", () => {
  const plain = { method: "GET", path: "/b/k%20x", query: "list-type=2&prefix=a%2F", headers: { host: "files" } };
  const headers = sign(plain, { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: secret }, nowMs);
  expect(check({ ...plain, headers })).toBe("verified");
});

test("credentials are one key's for one bucket, and never the bucket's own account", () => {
  const installation = new Secret("x".repeat(43));
  const keys = ["a", "b"].flatMap((key) => ["l1", "l2"].map((label) => credentialsFor(installation, key, label)));
  const all = [...keys, ownerOf(installation, "l1"), credentialsFor(new Secret("y"), "a", "l1")];
  expect(new Set(all.map(({ secretAccessKey }) => secretAccessKey)).size).toBe(all.length);
  expect(credentialsFor(installation, "a", "l1")).toEqual(keys[0]);
});
