/** Kinds that may lie beside the documents that the gateway reads. */

const forCluster = 'it is for the cluster'
const noPods = 'this gateway knows no pods: --backend says where a service is'
const noMesh = 'this gateway is in no mesh'

/** The kinds that have no effect here, and why. */
const withoutEffect: Readonly<Record<string, string>> = {
  ClusterRole: forCluster,
  ClusterRoleBinding: forCluster,
  ConfigMap: forCluster,
  ControllerRevision: forCluster,
  CronJob: forCluster,
  CustomResourceDefinition: forCluster,
  DaemonSet: forCluster,
  Deployment: forCluster,
  Event: forCluster,
  HorizontalPodAutoscaler: forCluster,
  Job: forCluster,
  Lease: forCluster,
  LimitRange: forCluster,
  MutatingWebhookConfiguration: forCluster,
  Namespace: forCluster,
  NetworkPolicy: forCluster,
  Node: forCluster,
  PersistentVolume: forCluster,
  PersistentVolumeClaim: forCluster,
  Pod: forCluster,
  PodDisruptionBudget: forCluster,
  ReplicaSet: forCluster,
  ResourceQuota: forCluster,
  Role: forCluster,
  RoleBinding: forCluster,
  Secret: forCluster,
  ServiceAccount: forCluster,
  StatefulSet: forCluster,
  StorageClass: forCluster,
  ValidatingWebhookConfiguration: forCluster,
  DestinationRule: noPods,
  EndpointSlice: noPods,
  Endpoints: noPods,
  WorkloadEntry: noPods,
  WorkloadGroup: noPods,
  PeerAuthentication: noMesh,
  Sidecar: noMesh,
  Telemetry: 'this gateway has no telemetry',
}

const servesAll = 'it serves every request that a route is for'
const otherRoutes = 'it reads the routes of VirtualServices'

/**
 * The kinds that are refused, and why: Istio does something for them, and without it something else
 * would be served.
 */
const notDone: Readonly<Record<string, string>> = {
  AuthorizationPolicy: servesAll,
  RequestAuthentication: servesAll,
  GRPCRoute: otherRoutes,
  HTTPRoute: otherRoutes,
  Ingress: otherRoutes,
  TCPRoute: otherRoutes,
  TLSRoute: otherRoutes,
  ProxyConfig: "the IstioOperator's proxy.istio.io/config says what the gateway is like",
  ServiceEntry: 'a service is what a Service says and --backend places',
  WasmPlugin: 'it runs no plugins',
}

export function whyWithoutEffect(kind: unknown): string | null {
  return typeof kind === 'string' && Object.hasOwn(withoutEffect, kind) ? withoutEffect[kind] : null
}

export function whyNotDone(kind: unknown, apiVersion: unknown): string | null {
  // The Gateway of this API is another than Istio's.
  if (String(apiVersion).startsWith('gateway.networking.k8s.io/')) {
    return "it reads Istio's Gateway and VirtualService, and not those of Kubernetes' Gateway API"
  }
  return typeof kind === 'string' && Object.hasOwn(notDone, kind) ? notDone[kind] : null
}
