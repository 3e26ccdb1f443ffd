import { status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type * as provider from "@pulumi/pulumi/proto/provider_pb.js";
import { asNebulaError } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { diffInputs, type PropertyChange } from "./diff.ts";
import type { DatabaseInputs, Effects } from "./effects.ts";
import { idOf, toInputs, toProperties } from "./inputs.ts";
import { empty, fromStruct, pluginProto, providerProto, type StructMessage, toStruct } from "./wire.ts";

export const providerVersion = "0.1.0";

/** The methods of Pulumi's resource provider; what is not here answers UNIMPLEMENTED. `effects` is asked anew for each call. */
export function makeService(effects: () => Effects): UntypedServiceImplementation {
  return {
    getPluginInfo: answer(async () => {
      const info = new pluginProto.PluginInfo();
      info.setVersion(providerVersion);
      return info;
    }),
    getSchema: answer(async () => {
      const response = new providerProto.GetSchemaResponse();
      response.setSchema(JSON.stringify({ name: "nebula", version: providerVersion }));
      return response;
    }),
    attach: answer(async () => empty()),
    cancel: answer(async () => empty()),
    checkConfig: answer(async (request: provider.CheckRequest) => checked(request.getNews())),
    diffConfig: answer(async () => new providerProto.DiffResponse()),
    configure: answer(async () => {
      const response = new providerProto.ConfigureResponse();
      response.setSupportspreview(true);
      return response;
    }),
    check: answer(async (request: provider.CheckRequest) => {
      const inputs = toInputs(fromStruct(request.getNews()));
      const had = request.getOlds();
      const before = had === undefined ? [] : (fromStruct(had).extensions ?? []);
      const added = inputs.extensions.filter((name) => !(Array.isArray(before) && before.includes(name)));
      if (added.length > 0 && !inputs.retire) await effects().admit(idOf(inputs), added);
      return checked(request.getNews());
    }),
    diff: answer(async (request: provider.DiffRequest) => {
      const olds = request.hasOldInputs() ? request.getOldInputs() : request.getOlds();
      return toDiff(diffInputs(toInputs(fromStruct(olds)), toInputs(fromStruct(request.getNews()))));
    }),
    create: answer((request: provider.CreateRequest) => create(effects, request)),
    update: answer((request: provider.UpdateRequest) => update(effects, request)),
    read: answer((request: provider.ReadRequest) => read(effects, request)),
    delete: answer(async (request: provider.DeleteRequest) => {
      await effects().remove(request.getId() as DatabaseId);
      return empty();
    }),
  };
}

function checked(news: StructMessage | undefined) {
  const response = new providerProto.CheckResponse();
  response.setInputs(news);
  return response;
}

function toDiff(changes: readonly PropertyChange[]) {
  const { DiffResponse, PropertyDiff } = providerProto;
  const response = new DiffResponse();
  response.setChanges(changes.length > 0 ? DiffResponse.DiffChanges.DIFF_SOME : DiffResponse.DiffChanges.DIFF_NONE);
  response.setHasdetaileddiff(true);
  response.setDiffsList([...new Set(changes.map(({ path }) => path.split(/[.[]/, 1)[0] ?? path))]);
  response.setReplacesList(changes.filter(({ replaces }) => replaces).map(({ path }) => path));
  response.setDeletebeforereplace(true);
  for (const { path, kind, replaces } of changes) {
    const property = new PropertyDiff();
    property.setKind(PropertyDiff.Kind[kindOf(kind, replaces)]);
    property.setInputdiff(true);
    response.getDetaileddiffMap().set(path, property);
  }
  return response;
}

const kindOf = (kind: PropertyChange["kind"], replaces: boolean) => {
  const name = kind.toUpperCase() as Uppercase<PropertyChange["kind"]>;
  return replaces ? (`${name}_REPLACE` as const) : name;
};

async function create(effects: () => Effects, request: provider.CreateRequest) {
  const inputs = toInputs(fromStruct(request.getProperties()));
  const response = new providerProto.CreateResponse();
  response.setId(request.getPreview() ? "" : idOf(inputs));
  const outputs = request.getPreview() ? {} : await effects().ensure(inputs, "create");
  response.setProperties(toStruct({ ...toProperties(inputs), ...outputs }));
  return response;
}

async function update(effects: () => Effects, request: provider.UpdateRequest) {
  const inputs = toInputs(fromStruct(request.getNews()));
  const response = new providerProto.UpdateResponse();
  const outputs = request.getPreview() ? keptOutputs(request) : await effects().ensure(inputs, "update");
  response.setProperties(toStruct({ ...toProperties(inputs), ...outputs }));
  return response;
}

/** An update in place changes neither place nor owner: a preview may show them. */
function keptOutputs(request: provider.UpdateRequest) {
  const { host, database, owner, credentialRef } = fromStruct(request.getOlds());
  return { host, database, owner, credentialRef };
}

/** A refresh: what the machine shows replaces what the state says. Without inputs (an import) there is nothing to compare. */
async function read(effects: () => Effects, request: provider.ReadRequest) {
  const response = new providerProto.ReadResponse();
  const found = await effects().read(request.getId() as DatabaseId);
  if (found === undefined) return response; // no id: it is gone
  const before = toInputs({ ...fromStruct(request.getProperties()), ...fromStruct(request.getInputs()) });
  const { units, storageBytes, retired } = found.seen;
  const compute = { ...before.compute, maxUnits: units };
  const inputs: DatabaseInputs = { ...before, compute, storageBytes, retire: retired };
  response.setId(request.getId());
  response.setInputs(toStruct(toProperties(inputs)));
  response.setProperties(toStruct({ ...toProperties(inputs), ...found.outputs }));
  return response;
}

type Call<R> = { readonly request: R };
type Callback = (error: object | null, value?: unknown) => void;

/** Every failure crosses the wire as code and text; Pulumi shows the text at the resource. */
function answer<R>(body: (request: R) => Promise<unknown>) {
  return (call: Call<R>, callback: Callback): void => {
    body(call.request).then(
      (value) => callback(null, value),
      (thrown) => {
        const { code, message, hint } = asNebulaError(thrown);
        callback({ code: status.UNKNOWN, details: `${code} ${message} ${hint}` });
      },
    );
  };
}
