import { expect, test } from "vitest";
import { keysToDelete } from "./delete-list.ts";

const read = (inner: string, head = '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">') =>
  keysToDelete(Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${head}${inner}</Delete>`));
const one = (key: string) => `<Object><Key>${key}</Key></Object>`;

test("the objects to delete are read as clients write them", () => {
  expect(read(`${one("a/b.txt")}<Quiet>true</Quiet>${one("ü &amp; &#x65E5;&#26412;")}`)).toEqual([
    "a/b.txt",
    "ü & 日本",
  ]);
  expect(read(`\n  <Quiet>false</Quiet>\n  <Object>\n <Key>a</Key>\n </Object>\n`, "<Delete>")).toEqual(["a"]);
});

test("a name that leads out of the bucket spoils the whole list, however it is written", () => {
  for (const key of ["../other/secret", "a/../../x", "/etc", "a//b", ".sgwtmp/x", "&#46;./x", "..&#x2f;x", "a\\..", ""])
    expect([key, read(one("kept") + one(key))]).toEqual([key, undefined]);
});

test("what could be read in two ways is not read", () => {
  for (const inner of [
    "",
    "<Object><Key>a</Key><Key>../b</Key></Object>",
    "<Object><Key>a</Key><VersionId>1</VersionId></Object>",
    "<Object><Key><![CDATA[../b]]></Key></Object>",
    "<Object><Key>a<!-- -->b</Key></Object>",
    `${one("a")}<!-- -->`,
    `${one("a")}text`,
    `<x:Object><Key>a</Key></x:Object>`,
    `<Object x="1"><Key>a</Key></Object>`,
    one("a&b"),
    one("a&unknown;"),
    one("a&#0;"),
    one("a&#xd800;"),
    `${one("a")}</Delete><Delete>${one("b")}`,
    one("a").repeat(1001),
  ])
    expect([inner.slice(0, 60), read(inner)]).toEqual([inner.slice(0, 60), undefined]);
  expect(keysToDelete(Buffer.from(`<!DOCTYPE Delete [<!ENTITY a "..">]><Delete>${one("&a;/x")}</Delete>`))).toBe(
    undefined,
  );
  expect(keysToDelete(Buffer.from([0xff, 0xfe, 0x3c]))).toBe(undefined);
});
