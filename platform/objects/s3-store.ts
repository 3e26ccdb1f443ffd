/** The only door to the S3 client. Uploads in parts that appear as one object when the last is there. */
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { asNebulaError, NebulaError, type Secret } from "../core/index.ts";
import { objectMissing, storeUnavailable } from "./errors.ts";
import { mustBeKey, type ObjectInfo, type ObjectStore } from "./types.ts";

export type S3StoreOptions = {
  readonly bucket: string;
  /** Before every name; may be empty. */
  readonly prefix: string;
  /** Undefined: Amazon's own, for the region. */
  readonly endpoint?: string;
  readonly region: string;
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. */
  readonly pathStyle: boolean;
  /** Undefined: found as Amazon's tools find theirs (variables, profile, the machine's role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: Secret };
};

export type S3Store = ObjectStore & {
  /** Uploads that a killed process left half-way, begun before that time; how many were ended. */
  clearUploads(before: Date): Promise<number>;
  close(): void;
};

export function makeS3Store(options: S3StoreOptions): S3Store {
  const { bucket, prefix, endpoint, region, pathStyle, credentials } = options;
  const client = new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: 4,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey.reveal(),
          },
        }),
  });
  const address = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
  const inner = (key: string) => (prefix === "" ? key : `${prefix}/${key}`);
  const outer = (key: string) => (prefix === "" ? key : key.slice(prefix.length + 1));
  const at = (key: string) => {
    mustBeKey(key);
    return { Bucket: bucket, Key: inner(key) };
  };
  const asked = async <T>(what: string, body: () => Promise<T>): Promise<T> => {
    try {
      return await body();
    } catch (thrown) {
      if (thrown instanceof NebulaError) throw thrown;
      const how = thrown instanceof S3ServiceException ? thrown.name : asNebulaError(thrown).message;
      throw storeUnavailable(`${what} at ${address}: ${how}`, { cause: thrown });
    }
  };
  const stat = (key: string) =>
    asked("stat", async (): Promise<ObjectInfo | undefined> => {
      const found = await client.send(new HeadObjectCommand(at(key))).catch(absent);
      return found === undefined ? undefined : { key, sizeBytes: found.ContentLength ?? 0 };
    });
  return {
    address,
    stat,
    async put(key, body) {
      const target = at(key);
      if (!Buffer.isBuffer(body))
        return putStream(client, target, body, (thrown) => asked("put", () => Promise.reject(thrown)));
      await asked("put", () => client.send(new PutObjectCommand({ ...target, Body: body })));
      return body.length;
    },
    get: (key) =>
      asked("get", async () => {
        const found = await client.send(new GetObjectCommand(at(key))).catch(absent);
        if (!(found?.Body instanceof Readable))
          throw objectMissing(`${address}/${key} is not there`, { fields: { key } });
        return found.Body;
      }),
    list: (start) =>
      asked("list", async () => {
        const found: ObjectInfo[] = [];
        for (let token: string | undefined; ; ) {
          const page = await client.send(
            new ListObjectsV2Command({ Bucket: bucket, Prefix: inner(start), ContinuationToken: token }),
          );
          for (const { Key, Size } of page.Contents ?? [])
            if (Key !== undefined) found.push({ key: outer(Key), sizeBytes: Size ?? 0 });
          token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
          if (token === undefined) return found.sort((a, b) => (a.key < b.key ? -1 : 1));
        }
      }),
    delete: (keys) =>
      asked("delete", async () => {
        for (let i = 0; i < keys.length; i += 1000) {
          const Objects = keys.slice(i, i + 1000).map((key) => ({ Key: at(key).Key }));
          const { Errors } = await client.send(
            new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
          );
          const refused = (Errors ?? []).filter(({ Code }) => Code !== "NoSuchKey");
          if (refused.length > 0) throw storeUnavailable(`${address}: ${refused[0]?.Key} ${refused[0]?.Message}`);
        }
      }),
    clearUploads: (before) =>
      asked("clear", async () => {
        const page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: inner("") }));
        const stale = (page.Uploads ?? []).filter(({ Initiated }) => Initiated !== undefined && Initiated < before);
        for (const { Key, UploadId } of stale)
          await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
        return stale.length;
      }),
    close: () => client.destroy(),
  };
}

/** A body that breaks ends the upload, and its own error is what the caller sees. */
async function putStream(
  client: S3Client,
  target: { readonly Bucket: string; readonly Key: string },
  body: Readable,
  refuse: (thrown: unknown) => Promise<never>,
): Promise<number> {
  let [sizeBytes, broken]: [number, unknown] = [0, undefined];
  async function* counted() {
    try {
      for await (const chunk of body) {
        sizeBytes += (chunk as Buffer).length;
        yield chunk;
      }
    } catch (thrown) {
      broken = thrown;
      throw thrown;
    }
  }
  const upload = new Upload({
    client,
    params: { ...target, Body: Readable.from(counted(), { objectMode: false }) },
    partSize: 8 * 1024 * 1024,
    queueSize: 2,
  });
  try {
    await upload.done();
    return sizeBytes;
  } catch (thrown) {
    await upload.abort().catch(() => undefined);
    if (broken !== undefined) throw broken;
    return refuse(thrown);
  }
}

/** Not there is an answer. */
function absent(thrown: unknown): undefined {
  const missing = thrown instanceof S3ServiceException && thrown.$metadata.httpStatusCode === 404;
  if (missing && thrown.name !== "NoSuchBucket") return undefined;
  throw thrown;
}
