{{- define "kecs.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "kecs.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kecs.labels" -}}
{{ include "kecs.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "kecs.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "kecs.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "kecs.taskEndpoint" -}}
{{ .Values.tasks.endpoint | default (printf "http://%s.%s.svc.cluster.local:%v" (include "kecs.fullname" .) .Release.Namespace .Values.service.port) }}
{{- end }}

{{- define "kecs.localstackNamespace" -}}
{{ .Values.localstack.namespace | default .Release.Namespace }}
{{- end }}

{{/* The names by which clients may call the Service, the short one and the long ones. */}}
{{- define "kecs.allowedHosts" -}}
{{- $name := include "kecs.fullname" . }}
{{- $names := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) }}
{{- if .Values.ingress.enabled }}
{{- $names = append $names .Values.ingress.host }}
{{- end }}
{{- concat $names .Values.allowedHosts | join "," }}
{{- end }}
