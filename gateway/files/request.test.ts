import { describe, expect, test } from "vitest";
import { copySource, readRequest } from "./request.ts";

const ask = (method: string, url: string, headers: Readonly<Record<string, string>> = {}) => {
  const [path = "", query = ""] = url.split(/\?(.*)/s);
  return readRequest({ method, path, query, headers });
};

const upload = "3e1b3c9a-93c8-4a4e-8b43-1f0b9a1d2c3e";

describe("a request", () => {
  test("names a bucket and an object", () => {
    expect(ask("GET", "/acme-assets/a/b%20c.txt")).toMatchObject({ bucket: "acme-assets", key: "a/b c.txt" });
    expect(ask("PUT", "/acme-assets/folder/")).toMatchObject({ key: "folder/", operation: { brings: "body" } });
    expect(ask("GET", "/acme-assets?list-type=2&prefix=a%2F")).toMatchObject({
      key: "",
      operation: { access: "read" },
    });
  });

  test("whose path could be read in two ways is none", () => {
    for (const path of [
      ...["/", "//acme-assets/a", "/acme-assets//a", "/acme-assets/../other/a", "/acme-assets/%2e%2e/other/a"],
      ...["/acme-assets/a/%2E%2E/b", "/acme-assets/./a", "/acme-assets/a%00b", "/acme-assets/a%5c..%5cb", "/Acme/a"],
      ...["/acme%2dassets/a", "/acme-assets%2Fother/a", "/acme-assets/%zz", "/acme-assets/.sgwtmp/multipart/x"],
      ...[
        "/..",
        "/acme-assets/a//b",
        `/acme-assets/${"x".repeat(1025)}`,
        "/acme-assets/%2F../x",
        "/acme-assets/%2fetc",
      ],
    ])
      expect([path, ask("GET", path)]).toEqual([path, undefined]);
  });

  test("has one meaning of its query, and goes on with that one", () => {
    expect(ask("GET", "/acme-assets?list-type=2&prefix=a+b%2f&X-Amz-Date=x&x-id=y")?.query).toBe(
      "list-type=2&prefix=a%2Bb%2F",
    );
    for (const query of [
      ...["uploadId=../../../other", "uploadId=..%2f..%2fother", "%75ploadId=..%2Fother", "uploadId=", "uploadId"],
      ...[`uploadId=${upload}&uploadId=..`, `uploadId=${upload}%2f..`, "prefix=a&prefix=b", "prefix=%zz"],
      ...[`uploadId=${upload}&partNumber=..`, `uploadId=${upload}&partNumber=1%2f2`],
    ])
      expect([query, ask("DELETE", `/acme-assets/k?${query}`)]).toEqual([query, undefined]);
    const part = ask("PUT", `/acme-assets/k?partNumber=7&uploadId=${upload}`);
    expect(part).toMatchObject({ query: `partNumber=7&uploadId=${upload}`, operation: { brings: "body" } });
  });

  test("is passed on only when it is on the list", () => {
    const refused = [
      ...["PUT /acme-assets", "DELETE /acme-assets", "PUT /acme-assets?policy", "GET /acme-assets?policy"],
      ...["PUT /acme-assets?acl", "PUT /acme-assets/k?acl", "GET /acme-assets?acl", "PUT /acme-assets?cors"],
      ...["PUT /acme-assets?versioning", "PUT /acme-assets?website", "POST /acme-assets/k?select&select-type=2"],
      ...["PUT /acme-assets/k?retention", "PUT /acme-assets/k?legal-hold", "POST /acme-assets/k?restore"],
      ...["PATCH /acme-assets/k", "POST /acme-assets", "GET /acme-assets/k?acl", "GET /acme-assets?list-type=2&acl"],
      ...[`PUT /acme-assets/k?uploadId=${upload}`, "POST /acme-assets/k?uploads&acl", "DELETE /acme-assets?policy"],
    ];
    for (const line of refused) {
      const [method = "", url = ""] = line.split(" ");
      expect([line, ask(method, url)?.operation]).toEqual([line, undefined]);
    }
  });

  test("that anybody may make of a public bucket reads one object", () => {
    const open = (method: string, url: string) => ask(method, url)?.operation?.open === true;
    expect([open("GET", "/acme-assets/k"), open("HEAD", "/acme-assets/k")]).toEqual([true, true]);
    for (const url of [
      "/acme-assets",
      "/acme-assets?list-type=2",
      "/acme-assets/k?tagging",
      "/acme-assets/k?response-content-type=text%2Fhtml",
      `/acme-assets/k?uploadId=${upload}`,
    ])
      expect(open("GET", url)).toBe(false);
    expect(open("PUT", "/acme-assets/k")).toBe(false);
  });
});

test("the source of a copy is read as its path is", () => {
  expect(copySource("/acme-assets/a%20b")).toEqual({ bucket: "acme-assets", key: "a b" });
  expect(copySource("acme-assets/a+b%2Bc")).toEqual({ bucket: "acme-assets", key: "a b+c" });
  expect(copySource("acme-assets%2Fa")).toEqual({ bucket: "acme-assets", key: "a" });
  for (const header of ["", "/acme-assets", "acme-assets/../other/a", "acme-assets/%2e%2e/b/c", "//acme-assets/a"])
    expect(copySource(header)).toBeUndefined();
});
