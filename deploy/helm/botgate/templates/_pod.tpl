{{/* What all pods have in common: pod-security "restricted", and nothing that reaches the Kubernetes API. */}}
{{- define "botgate.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "botgate.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Called with a dict of root and component. */}}
{{- define "botgate.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: {{ .root.Values.topologySpread.zone }}
    labelSelector: {matchLabels: {{ include "botgate.selector" . | fromYaml | toJson }}}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ .root.Values.topologySpread.hostname }}
    labelSelector: {matchLabels: {{ include "botgate.selector" . | fromYaml | toJson }}}
{{- end -}}

{{/* Probes ask the process about itself: a broker that is away takes no pod out of use. Called with the port's name. */}}
{{- define "botgate.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz/self, port: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}

{{/* Where the addresses are, with passwords in files. Called with a dict of root and the names of what is needed. */}}
{{- define "botgate.addresses" -}}
{{- $v := .root.Values -}}
{{- if has "rabbitmq" .needs }}
- name: BOTGATE_QUEUE_URL
  value: {{ include "botgate.withFile" (dict "url" $v.rabbitmq.url "parameter" "passwordfile" "file" (printf "/etc/botgate/rabbitmq/%s" $v.rabbitmq.secret.passwordKey)) | quote }}
{{- end }}
{{- if has "postgres" .needs }}
{{- $file := printf "/etc/botgate/postgres/%s" $v.postgres.secret.passfileKey }}
- name: BOTGATE_DATABASE_URL
  value: {{ include "botgate.withFile" (dict "url" $v.postgres.url "parameter" "passfile" "file" $file) | quote }}
{{- with $v.postgres.replicaUrl }}
- name: BOTGATE_DATABASE_REPLICA_URL
  value: {{ include "botgate.withFile" (dict "url" . "parameter" "passfile" "file" $file) | quote }}
{{- end }}
{{- end }}
{{- if has "redis" .needs }}
- name: BOTGATE_REDIS_URL
  {{- if $v.redis.secret.name }}
  valueFrom: {secretKeyRef: {name: {{ $v.redis.secret.name }}, key: {{ $v.redis.secret.key }}}}
  {{- else }}
  value: {{ $v.redis.url | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "botgate.mounts" -}}
{{- range .needs }}
{{- if has . (list "rabbitmq" "postgres") }}
- {name: {{ . }}, mountPath: /etc/botgate/{{ . }}, readOnly: true}
{{- end }}
{{- end }}
{{- range $name, $_ := .root.Values.extraFiles }}
- {name: extra-{{ $name }}, mountPath: /etc/botgate/extra/{{ $name }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* Whole volumes and never a subPath, which would not follow a changed Secret. */}}
{{- define "botgate.volumes" -}}
{{- $v := .root.Values -}}
{{- range .needs }}
{{- if has . (list "rabbitmq" "postgres") }}
- name: {{ . }}
  secret: {secretName: {{ (index $v .).secret.name }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- range $name, $file := $v.extraFiles }}
- name: extra-{{ $name }}
  secret: {secretName: {{ $file.secret }}, defaultMode: 0440}
{{- end }}
{{- end -}}
