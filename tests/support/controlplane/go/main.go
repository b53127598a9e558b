// One executable that is a whole control plane: it acts as the command that it is called by, so
// etcd, kube-apiserver, kube-controller-manager and kubectl are four links to one file. They share
// most of their code, so it is linked, and stored, once and not four times.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // time zones in CEL and in CronJobs, on machines that have no zoneinfo

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics on /metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info on /metrics
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kubectl":
		// Not cli.Run, but what the released kubectl ends with: its own error text and exit code.
		kubectlutil.CheckErr(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
	default:
		fmt.Fprintf(os.Stderr, "%s: call this by the name of etcd, kube-apiserver, "+
			"kube-controller-manager or kubectl\n", name)
		os.Exit(2)
	}
}
