import { createRequire } from "node:module";
import type { ServiceDefinition } from "@grpc/grpc-js";
import type * as plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import type * as provider from "@pulumi/pulumi/proto/provider_pb.js";
import type * as status from "@pulumi/pulumi/proto/status_pb.js";

/** The message classes of Pulumi's provider protocol, from Pulumi's own package: instances of another copy would be refused. */
const own = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));

export const providerProto = own("@pulumi/pulumi/proto/provider_pb.js") as typeof provider;
export const pluginProto = own("@pulumi/pulumi/proto/plugin_pb.js") as typeof plugin;
export const statusProto = own("@pulumi/pulumi/proto/status_pb.js") as typeof status;
export const { ResourceProviderService } = own("@pulumi/pulumi/proto/provider_grpc_pb.js") as {
  readonly ResourceProviderService: ServiceDefinition;
};

const { Empty } = own("google-protobuf/google/protobuf/empty_pb.js") as { readonly Empty: new () => object };
const { Struct } = own("google-protobuf/google/protobuf/struct_pb.js") as {
  readonly Struct: { fromJavaScript(value: object): StructMessage };
};

export type StructMessage = NonNullable<ReturnType<provider.CreateRequest["getProperties"]>>;
export type Properties = Readonly<Record<string, unknown>>;

export const empty = (): object => new Empty();
export const toStruct = (value: object): StructMessage => Struct.fromJavaScript(value);
export const fromStruct = (message: StructMessage | undefined): Properties =>
  (message?.toJavaScript() ?? {}) as unknown as Properties;
