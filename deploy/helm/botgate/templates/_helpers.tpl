{{- define "botgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "botgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "botgate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "botgate.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a selector may have: it can never change. Called with a dict of root and component. */}}
{{- define "botgate.selector" -}}
app.kubernetes.io/name: {{ include "botgate.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "botgate.labels" -}}
{{ include "botgate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* Called with a dict of root and side: gateway or backend. */}}
{{- define "botgate.image" -}}
{{- $image := index .root.Values.image .side -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "botgate.serviceAccount" -}}
{{- default (include "botgate.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* An address with the file of its password as a parameter. Called with a dict of url, parameter and file. */}}
{{- define "botgate.withFile" -}}
{{- printf "%s%s%s=%s" .url (ternary "&" "?" (contains "?" .url)) .parameter .file -}}
{{- end -}}

{{/* The name of the port for probes and metrics. */}}
{{- define "botgate.internal" -}}
{{- ternary "http" "internal" (eq (int .Values.gateway.ports.http) (int .Values.gateway.ports.internal)) -}}
{{- end -}}

{{/* Settings as environment variables. */}}
{{- define "botgate.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}
