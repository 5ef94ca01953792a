// SPDX-License-Identifier: Apache-2.0

// Renders a chart as helm does, and reads each object of it as the API server would: by its type, no field unknown.
//
//	chart FOLDER RELEASE NAMESPACE [VALUES.yaml...]
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var kinds = map[string]func() any{
	"v1/ConfigMap":                                    func() any { return &core.ConfigMap{} },
	"v1/Service":                                      func() any { return &core.Service{} },
	"v1/ServiceAccount":                               func() any { return &core.ServiceAccount{} },
	"apps/v1/DaemonSet":                               func() any { return &apps.DaemonSet{} },
	"apps/v1/StatefulSet":                             func() any { return &apps.StatefulSet{} },
	"policy/v1/PodDisruptionBudget":                   func() any { return &policy.PodDisruptionBudget{} },
	"autoscaling/v2/HorizontalPodAutoscaler":          func() any { return &autoscaling.HorizontalPodAutoscaler{} },
	"rbac.authorization.k8s.io/v1/ClusterRole":        func() any { return &rbac.ClusterRole{} },
	"rbac.authorization.k8s.io/v1/ClusterRoleBinding": func() any { return &rbac.ClusterRoleBinding{} },
}

func check(document string) error {
	var of meta.TypeMeta
	if err := yaml.Unmarshal([]byte(document), &of); err != nil {
		return err
	}
	made := kinds[of.APIVersion+"/"+of.Kind]
	if made == nil {
		return fmt.Errorf("an object of the kind %s/%s", of.APIVersion, of.Kind)
	}
	return yaml.UnmarshalStrict([]byte(document), made())
}

func run(folder, release, namespace string, files []string) error {
	c, err := loader.Load(folder)
	if err != nil {
		return err
	}
	values := chartutil.Values{}
	for _, f := range files {
		more, err := chartutil.ReadValuesFile(f)
		if err != nil {
			return err
		}
		values = chartutil.CoalesceTables(more, values)
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.30.0", Major: "1", Minor: "30"}
	all, err := chartutil.ToRenderValues(c, values, options, capabilities)
	if err != nil {
		return err
	}
	rendered, err := engine.Render(c, all)
	if err != nil {
		return err
	}
	names := []string{}
	for name := range rendered {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, document := range strings.Split("\n"+rendered[name], "\n---\n") {
			document = strings.TrimSpace(document)
			if document == "" || strings.HasSuffix(name, ".tpl") {
				continue
			}
			if err := check(document); err != nil {
				return fmt.Errorf("%s: %w\n%s", name, err, document)
			}
			fmt.Printf("---\n%s\n", document)
		}
	}
	return nil
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: chart FOLDER RELEASE NAMESPACE [VALUES.yaml...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
