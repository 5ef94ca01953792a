{{- define "otelcd.labels" -}}
app.kubernetes.io/name: otelcd
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "otelcd.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- define "otelcd.readsPods" -}}
{{- $values := index .root.Values .component -}}
{{- or $values.readsPods ($values.podMetadata | default false) -}}
{{- end }}

{{- /* The configuration. Pods are told apart by the address of who sends, which a batch of several has not: so their
       metadata comes first, behind a memory_limiter. */}}
{{- define "otelcd.config" -}}
{{- $values := index .root.Values .component -}}
{{- $config := deepCopy $values.config -}}
{{- if $values.podMetadata | default false -}}
{{- $uid := dict "sources" (list (dict "from" "resource_attribute" "name" "k8s.pod.uid")) -}}
{{- $ip := dict "sources" (list (dict "from" "resource_attribute" "name" "k8s.pod.ip")) -}}
{{- $client := dict "sources" (list (dict "from" "connection")) -}}
{{- $filter := dict "node_from_env_var" "K8S_NODE_NAME" -}}
{{- $processor := dict "filter" $filter "pod_association" (list $uid $ip $client) -}}
{{- $processors := merge (dict "k8s_attributes" $processor) ($config.processors | default dict) -}}
{{- $_ := set $config "processors" $processors -}}
{{- range $name, $pipeline := $config.service.pipelines -}}
{{- $list := $pipeline.processors | default list -}}
{{- if and $list (eq (first $list | default "") "memory_limiter") -}}
{{- $_ := set $pipeline "processors" (concat (list "memory_limiter" "k8s_attributes") (rest $list)) -}}
{{- else -}}
{{- $_ := set $pipeline "processors" (concat (list "k8s_attributes") $list) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}

{{- /* What both kinds of pods are: one program that may write to its queue and to nothing else. */}}
{{- define "otelcd.pod" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "otelcd.name" . }}
automountServiceAccountToken: {{ include "otelcd.readsPods" . }}
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: otelcd
    image: {{ printf "%s:%s" .root.Values.image.repository (.root.Values.image.tag | default .root.Chart.AppVersion) | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: ["--config", "/etc/otelcd/otelcd.yaml"]
    env:
      - name: OTELCD_GATEWAY
        value: {{ printf "%s-gateway-pods.%s.svc" .root.Release.Name .root.Release.Namespace | quote }}
      - name: K8S_NODE_NAME
        valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
      - name: K8S_POD_NAME
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
    ports:
      - {name: otlp-grpc, containerPort: 4317{{ .hostPorts | ternary ", hostPort: 4317" "" }}}
      - {name: otlp-http, containerPort: 4318{{ .hostPorts | ternary ", hostPort: 4318" "" }}}
      - {name: metrics, containerPort: 8888}
    # Alive is that the loop turns; ready, that every receiver listens and nobody was told to end.
    livenessProbe:
      httpGet: {path: /healthz, port: metrics}
      periodSeconds: 10
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /readyz, port: metrics}
      periodSeconds: 5
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    {{- with $values.drainSeconds }}
    lifecycle:
      preStop: {sleep: {seconds: {{ . }}}}
    {{- end }}
    resources: {{- toYaml $values.resources | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/otelcd, readOnly: true}
      - {name: queue, mountPath: /var/lib/otelcd}
{{- end }}

{{- /* The configuration and who the pods are; another configuration starts other pods. */}}
{{- define "otelcd.common" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "otelcd.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "otelcd.labels" . | nindent 4 }}
data:
  otelcd.yaml: |
    {{- include "otelcd.config" . | nindent 4 }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "otelcd.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "otelcd.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- if eq (include "otelcd.readsPods" .) "true" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .root.Release.Namespace }}-{{ include "otelcd.name" . }}
  labels: {{- include "otelcd.labels" . | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [pods, namespaces, nodes]
    verbs: [get, list, watch]
  - apiGroups: [apps]
    resources: [replicasets, deployments, statefulsets, daemonsets]
    verbs: [get, list, watch]
  - apiGroups: [batch]
    resources: [jobs]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .root.Release.Namespace }}-{{ include "otelcd.name" . }}
  labels: {{- include "otelcd.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ .root.Release.Namespace }}-{{ include "otelcd.name" . }}
subjects:
  - kind: ServiceAccount
    name: {{ include "otelcd.name" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- end }}

{{- define "otelcd.annotations" -}}
checksum/config: {{ include "otelcd.config" . | fromYaml | toJson | sha256sum }}
prometheus.io/scrape: "true"
prometheus.io/port: "8888"
{{- end }}
